import type { Statement } from '#db/transports/transport'

/**
 * Asks the catalog for tables that look as if another backend keeps tasks in them: by their names
 * (`todos`, `"Task"`, `app_todoitem`), and by columns for a title and for a user or a completion.
 * The rows have `schema`, `table`, and `label`, the name as one writes it in SQL.
 */
export const taskLikeTables: Statement = {
  sql: `select nspname::text as "schema", relname::text as "table", class.oid::regclass::text as "label"
    from pg_class as class join pg_namespace on pg_namespace.oid = relnamespace,
      lateral (select array_agg(lower(regexp_replace(attname, '[^A-Za-z]', '', 'g'))) as names
        from pg_attribute where attrelid = class.oid and attnum > 0 and not attisdropped) as columns
    where relkind in ('r', 'p') and not relispartition
      and nspname !~ '^pg_' and nspname <> 'information_schema'
      and lower(regexp_replace(relname, '([a-z0-9])([A-Z])', '\\1_\\2', 'g'))
        ~ '(^|_)(to_?do|task|item)s?(_?(item|entity|entry|entrie|table|model)s?)?$|^todo_?list$'
      and names && '{title,name,task,todo,text,content,description,summary,subject,label}'
      and exists (select from unnest(names) as name
        where name ~ 'user|owner|author|creat(or|edby)|done|complete|finished|checked|stat(us|e)$')
      and not exists (select from pg_policy
        where polrelid = class.oid and polname = 'tasks_of_caller')
    order by 1, 2`,
  parameters: [],
}
