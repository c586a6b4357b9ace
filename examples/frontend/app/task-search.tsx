import type { TaskFilter } from '@/lib/api'

export function TaskSearch({ onSearch }: { onSearch(filter: TaskFilter): void }) {
  return (
    <search>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault()
          const form = new FormData(event.currentTarget)
          const { search, ...rest } = Object.fromEntries(form) as TaskFilter
          onSearch(search === '' ? rest : { search, ...rest })
        }}
      >
        <label className="grow">
          Search
          <input name="search" type="search" />
        </label>
        <label>
          Show
          <select name="status" onChange={({ target }) => target.form?.requestSubmit()}>
            <option value="all">all</option>
            <option value="pending">open</option>
            <option value="completed">done</option>
          </select>
        </label>
        <button type="submit">Search</button>
      </form>
    </search>
  )
}
