import Runner from 'jest-runner'

/**
 * Runs one file after the other. What starts whole environments has the machine to itself: beside another one it would
 * measure that one's load.
 */
export default class OneAtATime extends Runner {
  constructor(globalConfig, ...rest) {
    super({ ...globalConfig, maxWorkers: 1 }, ...rest)
  }
}
