export * from '#app/api/tasks/[id]/complete/route'
