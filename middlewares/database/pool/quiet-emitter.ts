import { EventEmitter } from 'node:events'

function Quiet(this: object): void {}
Quiet.prototype = Object.create(EventEmitter.prototype)

/**
 * An emitter that costs nothing until somebody listens: the constructor of `EventEmitter` makes a table of listeners,
 * which its methods make when they need one, and hardly any request listens to its client.
 */
export const QuietEmitter = Quiet as unknown as new () => EventEmitter
