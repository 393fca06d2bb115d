/** The channel on which the main thread and the workers speak of the end. */
export type ShutdownChannel = 'middy-managed-instances.shutdown'

/** Set by the preload in every thread: only then does a worker listen. */
export type PreloadMark = 'middy-managed-instances.preload'

export type ShutdownMessage =
  /** A worker has something to close. */
  | { readonly type: 'listening'; readonly worker: number }
  /** The environment ends at `deadline`, in milliseconds since the epoch. */
  | { readonly type: 'shutdown'; readonly deadline: number }
  /** A worker has closed everything. */
  | { readonly type: 'closed'; readonly worker: number }
