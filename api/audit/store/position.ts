import { z } from 'zod';
import type { AuditPosition } from './store.ts';

const POSITION = z.tuple([z.int().min(0), z.string().max(256), z.int().min(0)]);

/** A position as the text `next` of an answer. It says nothing that the last entry of the page does not. */
export function encodePosition({ time, replica, sequence }: AuditPosition): string {
	return Buffer.from(JSON.stringify([time, replica, sequence])).toString('base64url');
}

/** The position of a text; undefined unless `encodePosition` could have made it. */
export function decodePosition(text: string): AuditPosition | undefined {
	try {
		const parsed = POSITION.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
		if (!parsed.success) return undefined;
		const [time, replica, sequence] = parsed.data;
		return replica.includes('\0') || !replica.isWellFormed() ? undefined : { time, replica, sequence };
	} catch {
		// Not JSON.
		return undefined;
	}
}
