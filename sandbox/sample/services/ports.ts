/** Where the platform's services listen, on the machine's own address. */
export const PORTS = { lms: 8600, dm: 8400, mentor: 3000, auth: 3001, skills: 3002 } as const;
