import type { AwsClient } from './clients.ts'

/**
 * Sends a command of the AWS SDK and resolves to its output.
 *
 * @throws what the client does, but of an answer that can't be read one that does not quote it: there may be a secret in it.
 */
export const send = async (
  client: AwsClient,
  command: object,
  abortSignal: AbortSignal,
): ReturnType<AwsClient['send']> => {
  try {
    return await client.send(command, { abortSignal })
  } catch (error) {
    if ((error as Error | undefined)?.name !== 'SyntaxError') throw error
    throw new Error('The answer is no JSON, or was cut off. Look at what is between the function and the service.')
  }
}
