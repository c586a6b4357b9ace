/** The paths below a collection, the collection itself first. */
const parts = ['', '/{id}', '/{id}/complete', '/{id}/toggle']

/**
 * Files by path, and those of the tasks under the names that `TASKS_PATH` adds too. `{user_id}` in it
 * is the user of the path, whom `withAuth` compares with the token's.
 */
export function withTasksPath<File>(
  files: Readonly<Record<string, File>>,
  tasksPath: string | undefined,
): Readonly<Record<string, File>> {
  if (tasksPath === undefined) return files
  const added = tasksPath.replace('{user_id}', '{userId}')
  const served = added === tasksPath ? '/api/tasks' : '/api/{userId}/tasks'
  const named = parts.flatMap((part) => {
    const file = files[served + part]
    return file === undefined ? [] : [[added + part, file] as const]
  })
  return { ...Object.fromEntries(named), ...files }
}
