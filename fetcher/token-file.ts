import { readFileSync } from 'node:fs';
import { Failure } from './failure.ts';
import { isJwt } from './token-claims.ts';
import { codeOf } from './write-failure.ts';

/** Reads the service-account token to log in with. */
export function readTokenFile(path: string): string {
	const wrong = (what: string): Failure =>
		new Failure('settings', `the file that ENVTIER_TOKEN_FILE names ${what}`);
	let text: string;
	try {
		text = readFileSync(path, 'utf8').trim();
	} catch (thrown) {
		const code = codeOf(thrown);
		if (code === '') throw thrown;
		throw wrong(code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`);
	}
	if (!isJwt(text)) throw wrong('holds no service-account token (a JWT)');
	return text;
}
