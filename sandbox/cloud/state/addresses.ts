import { createServer, type Server } from "node:net";

/** A cloud holds a block by listening here on the block's last address; no instance uses either. */
const CLAIM_PORT = 61_999;
const FIRST_BLOCK = 20;
const LAST_BLOCK = 250;
const HOSTS_PER_BLOCK = 250;

/**
 * Loopback addresses 127.0.x.y for instances. Several clouds may run on one machine, so each claims whole
 * blocks x, by a port that only one process can hold. Freed addresses are used again last, like AWS's pool.
 */
export class AddressPool {
  readonly #fixedBlock: number | undefined;
  readonly #claims: Server[] = [];
  readonly #free: string[] = [];
  #nextBlock: number;

  constructor(fixedBlock: number | undefined) {
    this.#fixedBlock = fixedBlock;
    this.#nextBlock = FIRST_BLOCK + (process.pid % (LAST_BLOCK - FIRST_BLOCK));
  }

  /** Makes sure that so many addresses can be taken. Throws when the machine has no free block left. */
  async reserve(count: number): Promise<void> {
    while (this.#free.length < count) await this.#claimBlock();
  }

  /** An address that no instance of any cloud on this machine has. Call `reserve` first. */
  take(): string {
    const address = this.#free.shift();
    if (address === undefined) throw new Error("No address was reserved");
    return address;
  }

  free(address: string): void {
    this.#free.push(address);
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#claims.map((claim) => new Promise<void>((resolve) => claim.close(() => resolve()))),
    );
    this.#claims.length = 0;
  }

  async #claimBlock(): Promise<void> {
    if (this.#fixedBlock !== undefined && this.#claims.length > 0) {
      throw new Error(`All addresses 127.0.${this.#fixedBlock}.y are in use`);
    }
    for (let tried = 0; tried <= LAST_BLOCK - FIRST_BLOCK; tried++) {
      const block = this.#fixedBlock ?? this.#nextBlock;
      this.#nextBlock = this.#nextBlock >= LAST_BLOCK ? FIRST_BLOCK : this.#nextBlock + 1;
      const claim = await claimed(block);
      if (claim) {
        this.#claims.push(claim);
        for (let host = 1; host <= HOSTS_PER_BLOCK; host++) this.#free.push(`127.0.${block}.${host}`);
        return;
      }
      if (this.#fixedBlock !== undefined) break;
    }
    throw new Error("No block of loopback addresses is free on this machine");
  }
}

function claimed(block: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", () => resolve(undefined));
    server.listen(CLAIM_PORT, `127.0.${block}.254`, () => resolve(server));
    server.unref();
  });
}
