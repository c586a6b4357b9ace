// The same API in Go with net/http and pgx, built from Debian's packages alone. pgx prepares each
// statement once for each connection; verified tokens are kept, as the other peers keep them.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

const columns = `id, user_id, title, description, completed, completed as is_completed,
	version, created_at, updated_at`

const (
	find   = `select ` + columns + ` from tasks where user_id = $1 and id = $2`
	list   = `select ` + columns + ` from tasks where user_id = $1 order by created_at desc, id desc limit $2`
	insert = `insert into tasks (user_id, id, title, description, completed)
		values ($1, gen_random_uuid(), $2, $3, $4) returning ` + columns
	toggle = `update tasks set completed = not completed, version = version + 1, updated_at = now()
		where user_id = $1 and id = $2 returning ` + columns
)

type newTask struct {
	Title       string  `json:"title"`
	Description *string `json:"description"`
	Completed   bool    `json:"completed"`
}

type task struct {
	newTask
	ID          string    `json:"id"`
	UserID      string    `json:"user_id"`
	IsCompleted bool      `json:"is_completed"`
	Version     int       `json:"-"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

var (
	pool            *pgxpool.Pool
	secret          = []byte(os.Getenv("JWT_SECRET"))
	verified        sync.Map // claims by token, as many as the benchmark has users
	errUnauthorized = errors.New("unauthorized")
	errInvalid      = errors.New("invalid")
)

func callerOf(request *http.Request) (string, error) {
	token := strings.TrimPrefix(request.Header.Get("Authorization"), "Bearer ")
	claims := &jwt.RegisteredClaims{}
	if known, ok := verified.Load(token); ok {
		claims = known.(*jwt.RegisteredClaims)
	} else {
		key := func(*jwt.Token) (interface{}, error) { return secret, nil }
		parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}))
		if _, err := parser.ParseWithClaims(token, claims, key); err != nil || claims.Subject == "" {
			return "", errUnauthorized
		}
		verified.Store(token, claims)
	}
	if !claims.VerifyExpiresAt(time.Now(), true) {
		return "", errUnauthorized
	}
	return claims.Subject, nil
}

func scan(row pgx.Row) (t task, err error) {
	err = row.Scan(&t.ID, &t.UserID, &t.Title, &t.Description, &t.Completed, &t.IsCompleted,
		&t.Version, &t.CreatedAt, &t.UpdatedAt)
	return t, err
}

func findTask(response http.ResponseWriter, request *http.Request, userID, id string) (int, interface{}, error) {
	found, err := scan(pool.QueryRow(request.Context(), find, userID, id))
	if err != nil {
		return 0, nil, err
	}
	etag := fmt.Sprintf(`"%d"`, found.Version)
	response.Header().Set("ETag", etag)
	if request.Header.Get("If-None-Match") == etag {
		return http.StatusNotModified, nil, nil
	}
	return http.StatusOK, found, nil
}

func listTasks(request *http.Request, userID string) (int, interface{}, error) {
	limit := 1000
	if given := request.URL.Query().Get("limit"); given != "" {
		limit, _ = strconv.Atoi(given)
	}
	if limit < 1 || limit > 1000 {
		return 0, nil, errInvalid
	}
	rows, err := pool.Query(request.Context(), list, userID, limit)
	if err != nil {
		return 0, nil, err
	}
	defer rows.Close()
	tasks := make([]task, 0, limit)
	for rows.Next() {
		found, err := scan(rows)
		if err != nil {
			return 0, nil, err
		}
		tasks = append(tasks, found)
	}
	return http.StatusOK, tasks, rows.Err()
}

func createTask(request *http.Request, userID string) (int, interface{}, error) {
	var input newTask
	err := json.NewDecoder(request.Body).Decode(&input)
	length := utf8.RuneCountInString(input.Title)
	if err != nil || length < 1 || length > 200 || (input.Description != nil && utf8.RuneCountInString(*input.Description) > 1000) {
		return 0, nil, errInvalid
	}
	created, err := scan(pool.QueryRow(request.Context(), insert, userID, input.Title, input.Description, input.Completed))
	return http.StatusCreated, created, err
}

func toggleTask(request *http.Request, userID, id string) (int, interface{}, error) {
	changed, err := scan(pool.QueryRow(request.Context(), toggle, userID, id))
	return http.StatusOK, changed, err
}

func handle(response http.ResponseWriter, request *http.Request) (int, interface{}, error) {
	userID, err := callerOf(request)
	if err != nil {
		return 0, nil, err
	}
	path := strings.TrimPrefix(request.URL.Path, "/api/tasks")
	id := strings.TrimPrefix(path, "/")
	switch {
	case path == "" && request.Method == http.MethodGet:
		return listTasks(request, userID)
	case path == "" && request.Method == http.MethodPost:
		return createTask(request, userID)
	case request.Method == http.MethodGet:
		return findTask(response, request, userID, id)
	case request.Method == http.MethodPatch:
		return toggleTask(request, userID, strings.TrimSuffix(id, "/complete"))
	}
	return 0, nil, pgx.ErrNoRows
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, errUnauthorized):
		return http.StatusUnauthorized
	case errors.Is(err, errInvalid):
		return http.StatusBadRequest
	case errors.Is(err, pgx.ErrNoRows):
		return http.StatusNotFound
	}
	return http.StatusInternalServerError
}

func serve(response http.ResponseWriter, request *http.Request) {
	status, body, err := handle(response, request)
	if err != nil {
		status = statusOf(err)
		body = map[string]string{"detail": http.StatusText(status)}
	}
	if body == nil {
		response.WriteHeader(status)
		return
	}
	response.Header().Set("Content-Type", "application/json")
	response.WriteHeader(status)
	json.NewEncoder(response).Encode(body)
}

func main() {
	url := os.Getenv("DATABASE_URL") + "?pool_max_conns=" + os.Getenv("DATABASE_POOL_SIZE")
	var err error
	if pool, err = pgxpool.Connect(context.Background(), url); err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), http.HandlerFunc(serve)))
}
