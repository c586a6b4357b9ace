export * from '#app/api/tasks/route'
