export * from '#app/api/tasks/[id]/route'
