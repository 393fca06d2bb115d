const running = new Map<Promise<unknown>, string>()

/** Makes known that something goes on after its request: a shutdown waits for it, and a test can see it end. */
export const runInBackground = (name: string, work: Promise<unknown>): void => {
  running.set(work, name)
  const done = (): void => {
    running.delete(work)
  }
  work.then(done, done)
}

/** The names of what goes on in the background. */
export const backgroundNames = (): string[] => [...running.values()]
