import { hash } from 'bcryptjs';
import pLimit from 'p-limit';

/** Rounds as a power of two. A hash takes about 50 ms of one core. */
const COST = 10;
/** Hashes at the same time. bcryptjs runs on the main thread, in pieces: more would only slow each down. */
const AT_ONCE = 2;

/**
 * Creates a function that hashes passwords with bcrypt. Only a few run at the same time; others wait.
 *
 * The result begins with `$2y$`, which Apache, nginx and `htpasswd` accept. It is the same algorithm as the
 * `$2b$` of bcryptjs.
 */
export function createHasher(): (password: string) => Promise<string> {
	const limit = pLimit(AT_ONCE);
	return (password) => limit(async () => (await hash(password, COST)).replace(/^\$2b\$/, '$2y$'));
}
