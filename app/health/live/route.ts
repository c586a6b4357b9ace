export * from '#app/health/route'
