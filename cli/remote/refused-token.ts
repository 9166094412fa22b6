import type { TokenSource } from './settings.ts';

/** The API's default audience. */
const AUDIENCE = 'envtier-api';

/** Claims of a JWT that explain a refusal. */
interface Claims {
	/** Seconds since 1970. */
	readonly exp?: number;
	readonly nbf?: number;
	readonly audiences: readonly string[];
}

/**
 * Why the API refused a token, as far as the token shows: its expiry and its audience. Reads the claims of a
 * JWT without a check of the signature; the API has checked it. The sentence never holds the token.
 *
 * @param token the token that was sent
 * @param source the variable that it came from
 */
export function whyRefused(token: string, source: TokenSource, now: Date): string {
	if (token.startsWith('envtier_'))
		return `the API key in ${source} has ended, was deleted, or is another API's; a session makes a new one (POST /api/keys)`;
	const claims = claimsOf(token);
	if (claims === undefined) return `check ${source}: it holds neither an API key nor a JWT`;
	const { exp, nbf, audiences } = claims;
	const seconds = now.getTime() / 1000;
	if (exp !== undefined && exp <= seconds)
		return `the token in ${source} ended at ${timeOf(exp)}: get a new one`;
	if (nbf !== undefined && nbf > seconds)
		return `the token in ${source} is not valid before ${timeOf(nbf)}: is the clock right?`;
	const names = audiences.slice(0, 3).map((name) => JSON.stringify(name.slice(0, 200)));
	if (audiences.includes(AUDIENCE))
		return `the token in ${source} is for the audience ${JSON.stringify(AUDIENCE)} and has not ended: the API does not know its issuer, or takes another audience`;
	const audience = names.length === 0 ? 'no audience' : `the audience ${names.join(', ')}`;
	return `the token in ${source} is for ${audience}; the API takes tokens for ${JSON.stringify(AUDIENCE)} unless its operator says otherwise (kubectl create token NAME --audience ${AUDIENCE})`;
}

/** A time in RFC 3339; the number itself if it is outside of the calendar. */
function timeOf(seconds: number): string {
	const time = new Date(seconds * 1000);
	return Number.isNaN(time.getTime()) ? `second ${seconds}` : time.toISOString().replace('.000Z', 'Z');
}

function claimsOf(token: string): Claims | undefined {
	const parts = token.split('.');
	if (parts.length !== 3) return undefined;
	try {
		const payload: unknown = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8'));
		if (typeof payload !== 'object' || payload === null) return undefined;
		const { exp, nbf, aud } = payload as Readonly<Record<string, unknown>>;
		const audiences = (Array.isArray(aud) ? aud : [aud]).filter((one) => typeof one === 'string');
		return {
			audiences,
			...(typeof exp === 'number' ? { exp } : {}),
			...(typeof nbf === 'number' ? { nbf } : {}),
		};
	} catch {
		// Not a JWT.
		return undefined;
	}
}
