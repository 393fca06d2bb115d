/** Lifetimes from three quarters to the whole, so that connections opened together don't end together. */
export const jittered = (lifetime: number): number => lifetime * (0.75 + Math.random() / 4)
