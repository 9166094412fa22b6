import { type Answer, call } from '../lib/client.ts';
import type { Session } from './sign-in.ts';
import { type Restoration, scopeOf, type Target } from './target.ts';

/** A value, as the program answers it. */
export interface Revealed {
	readonly value: string;
	readonly version: number;
}

/** The right to see values for a short time. */
export interface Elevation {
	readonly id: string;
	readonly state: 'pending' | 'active' | 'ended';
	/** How long it lasts from its start. */
	readonly seconds: number;
}

const PATH = '/api/elevations';

/** Calls of the Reveal program, with the token of the page. */
export function revealCalls({ token }: Session, target: Target) {
	const scope = scopeOf(target);
	const org = target.org === '' ? undefined : target.org;
	return {
		reveal: (reason: string): Promise<Answer<Revealed>> => {
			const { service, key } = target;
			const body = { ...scope, ...(service === '' ? {} : { service }), key, reason };
			return call('POST', '/api/reveal', { body, org, token });
		},
		/** Answers the number of the new version. */
		restore: ({ id, version, expected }: Restoration): Promise<Answer<{ readonly version: number }>> => {
			const path = target.org === '' ? '/api/secrets/restore' : '/api/org/secrets/restore';
			return call('POST', path, { body: { id, version, expected }, org, token });
		},
		elevate: (reason: string): Promise<Answer<Elevation>> =>
			call('POST', PATH, { body: { ...scope, reason }, org, token }),
		endElevation: (): Promise<Answer<unknown>> => call('DELETE', PATH, { body: scope, org, token }),
	};
}

/** True for the refusal that an elevation cures. */
export function needsElevation({
	status,
	message,
}: {
	readonly status: number;
	readonly message: string;
}): boolean {
	return status === 403 && message.includes('needs an elevation');
}
