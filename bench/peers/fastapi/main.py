"""The same API in FastAPI with SQLModel, written as its documentation teaches."""

import os
from datetime import datetime, timezone
from typing import Optional
from uuid import UUID, uuid4

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Column, DateTime
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import sessionmaker
from sqlmodel import Field, SQLModel, select

engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"),
    pool_size=int(os.environ["DATABASE_POOL_SIZE"]),
    max_overflow=0,
)
new_session = sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
secret = os.environ["JWT_SECRET"]
bearer = HTTPBearer(auto_error=False)
app = FastAPI()


def now() -> datetime:
    """The column keeps milliseconds."""
    time = datetime.now(timezone.utc)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


class NewTask(SQLModel):
    title: str = Field(min_length=1, max_length=200)
    description: Optional[str] = Field(default=None, max_length=1000)
    completed: bool = False


class Task(NewTask, table=True):
    __tablename__ = "tasks"
    user_id: str = Field(primary_key=True)
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    version: int = 1
    created_at: datetime = Field(default_factory=now, sa_column=Column(DateTime(timezone=True)))
    updated_at: datetime = Field(default_factory=now, sa_column=Column(DateTime(timezone=True)))

    @property
    def is_completed(self) -> bool:
        return self.completed


class TaskRead(NewTask):
    id: UUID
    user_id: str
    is_completed: bool
    created_at: datetime
    updated_at: datetime


async def get_session():
    async with new_session() as session:
        yield session


async def current_user(
    credentials: Optional[HTTPAuthorizationCredentials] = Depends(bearer),
) -> str:
    try:
        token = credentials.credentials if credentials else ""
        options = {"require": ["sub", "exp"]}
        return jwt.decode(token, secret, algorithms=["HS256"], options=options)["sub"]
    except jwt.InvalidTokenError:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})


async def own_task(
    id: UUID,
    user_id: str = Depends(current_user),
    session: AsyncSession = Depends(get_session),
) -> Task:
    query = select(Task).where(Task.user_id == user_id, Task.id == id)
    task = (await session.execute(query)).scalar_one_or_none()
    if task is None:
        raise HTTPException(404)
    return task


@app.get("/api/tasks/{id}", response_model=TaskRead)
async def read_task(
    response: Response,
    task: Task = Depends(own_task),
    if_none_match: Optional[str] = Header(default=None),
):
    etag = f'"{task.version}"'
    if if_none_match == etag:
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return task


@app.get("/api/tasks", response_model=list[TaskRead])
async def list_tasks(
    limit: int = Query(default=1000, ge=1, le=1000),
    user_id: str = Depends(current_user),
    session: AsyncSession = Depends(get_session),
):
    query = (
        select(Task)
        .where(Task.user_id == user_id)
        .order_by(Task.created_at.desc(), Task.id.desc())
        .limit(limit)
    )
    return (await session.execute(query)).scalars().all()


@app.post("/api/tasks", response_model=TaskRead, status_code=201)
async def create_task(
    new_task: NewTask,
    user_id: str = Depends(current_user),
    session: AsyncSession = Depends(get_session),
):
    task = Task(user_id=user_id, **new_task.dict())
    session.add(task)
    await session.commit()
    return task


@app.patch("/api/tasks/{id}/complete", response_model=TaskRead)
async def toggle_task(
    task: Task = Depends(own_task), session: AsyncSession = Depends(get_session)
):
    task.completed = not task.completed
    task.version += 1
    task.updated_at = now()
    await session.commit()
    return task
