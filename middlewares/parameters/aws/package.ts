const notInstalled = (name: string, cause: unknown): Error =>
  new Error(`${name} is not installed. Add it to the function: npm install ${name}`, { cause })

/** A package of the AWS SDK, loaded when it is first needed. */
export class Package<M = unknown> {
  readonly #name: string
  readonly #importing: () => Promise<M>
  #isLoaded = false

  constructor(name: string, importing: () => Promise<M>) {
    this.#name = name
    this.#importing = importing
  }

  get isLoaded(): boolean {
    return this.#isLoaded
  }

  /** @throws Error that says how to install it. */
  async load(): Promise<M> {
    try {
      const loaded = await this.#importing()
      this.#isLoaded = true
      return loaded
    } catch (error) {
      throw (error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND' ? notInstalled(this.#name, error) : error
    }
  }
}
