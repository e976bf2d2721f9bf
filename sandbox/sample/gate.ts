/** Holds every request back while it is shut: connections are accepted and nothing is answered. */
export class Gate {
  #open: Promise<void> | undefined;
  #release: () => void = () => {};

  shut(): void {
    this.#open ??= new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  reopen(): void {
    this.#release();
    this.#open = undefined;
  }

  async pass(): Promise<void> {
    await this.#open;
  }
}
