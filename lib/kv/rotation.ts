import { err, ok, type Result } from '../../contract/result.ts';
import { CHARSETS, type Charset, type PasswordOptions } from '../passwords.ts';

/** How often a password gets a new value, and of which form that is. */
export interface Rotation {
	/** The time between two values as the caller wrote it, such as `90d` or `12h`. */
	readonly every: string;
	readonly generate: PasswordOptions;
}

const HOUR = 3_600_000;
const UNITS = { h: HOUR, d: 24 * HOUR } as const;
/** The longest time between two values, in ms: ten years. */
const LONGEST = 3_650 * UNITS.d;

/** What `parseEvery` accepts, for error messages. */
export const EVERY_RULE = 'a time such as 90d or 12h, from 1h to 3650d';

/** Milliseconds of a time between two values. */
export function parseEvery(text: string): Result<number> {
	const [, count, unit] = /^([1-9][0-9]{0,4})([hd])$/.exec(text) ?? [];
	const time = Number(count) * UNITS[unit === 'd' ? 'd' : 'h'];
	return time <= LONGEST ? ok(time) : err(EVERY_RULE);
}

/** The bounds of a password's length, in characters. */
export const PASSWORD_LENGTH = { min: 8, max: 1024, default: 32 } as const;

/** The name of the entry in a secret's metadata. No call takes names of metadata as input. */
export const ROTATION_ENTRY = 'rotation';

/** The entry of a secret's metadata: `90d 32 alnum`. */
export function encodeRotation({ every, generate: { length, charset } }: Rotation): string {
	return `${every} ${length} ${charset}`;
}

/** The rotation in a secret's metadata; undefined if there is none in the form of `encodeRotation`. */
export function parseRotation(entry: string | undefined): Rotation | undefined {
	const [, every = '', count, charset = ''] =
		/^([0-9a-z]{2,8}) ([1-9][0-9]{0,3}) ([a-z-]{1,16})$/.exec(entry ?? '') ?? [];
	const length = Number(count);
	if (!parseEvery(every).ok || !isCharset(charset)) return undefined;
	if (!(length >= PASSWORD_LENGTH.min && length <= PASSWORD_LENGTH.max)) return undefined;
	return { every, generate: { length, charset } };
}

function isCharset(name: string): name is Charset {
	return Object.hasOwn(CHARSETS, name);
}

/** When a password is due that has its value since `since`. */
export function dueAt({ every }: Rotation, since: Date): Date {
	const time = parseEvery(every);
	return new Date(since.getTime() + (time.ok ? time.value : LONGEST));
}
