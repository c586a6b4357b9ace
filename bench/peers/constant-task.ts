/** What the peers without a database answer: a task of the usual size. */
export const constantTask = {
  id: '6f2d1c0a-7b63-4d0e-9a55-0d3f5f6f7a11',
  user_id: '0123456789abcdef0123456789abcdef',
  title: 'Water the plants on the balcony, no. 17',
  description: 'The small ones every day, the big ones once a week, and the cactus hardly ever.',
  completed: false,
  is_completed: false,
  created_at: '2026-01-01T12:00:00.000Z',
  updated_at: '2026-01-01T12:00:00.000Z',
}
