/** The paths below a collection, the collection itself first. */
const parts = ['', '/{id}', '/{id}/complete', '/{id}/toggle']

/**
 * The paths that `TASKS_PATH` adds, each with the served path that it is another name for. `{user_id}`
 * in it is the user of the path, whom `withAuth` compares with the token's.
 */
export function namesOfTasksPath(tasksPath: string | undefined): Map<string, string> {
  if (tasksPath === undefined) return new Map()
  const added = tasksPath.replace('{user_id}', '{userId}')
  const served = added === tasksPath ? '/api/tasks' : '/api/{userId}/tasks'
  return new Map(parts.map((part) => [added + part, served + part]))
}

/** Files by path, with those that `TASKS_PATH` adds names for under these names too. */
export function withTasksPath<File>(
  files: Readonly<Record<string, File>>,
  tasksPath: string | undefined,
): Record<string, File> {
  const added = Array.from(namesOfTasksPath(tasksPath)).flatMap(([name, served]) => {
    const file = files[served]
    return file === undefined ? [] : [[name, file] as const]
  })
  return { ...Object.fromEntries(added), ...files }
}
