export * from '#app/api/tasks/[id]/toggle/route'
