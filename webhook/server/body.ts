import type { IncomingMessage } from 'node:http';
import { err, ok, type Result } from '../../contract/result.ts';
import { limitBodies } from '../../lib/http/bodies.ts';

/** Why a body is not taken. */
export type BodyProblem = readonly [status: number, message: string];

/** Calls `done` with the whole body of a request. Never calls it if the client leaves before. */
export type ReadBody = (request: IncomingMessage, done: (body: Result<Buffer, BodyProblem>) => void) => void;

/** The API server takes objects of up to 3 MiB and may send an old and a new one. */
const BODY_LIMIT = 7 * 1024 * 1024;

const NO_REVIEW: BodyProblem = [
	415,
	'the body must be an AdmissionReview with content type application/json, in UTF-8',
];
const COMPRESSED: BodyProblem = [415, 'the body must be JSON in UTF-8, not compressed'];
const TOO_LARGE: BodyProblem = [413, `the body is larger than ${BODY_LIMIT} bytes`];

/** Accepts the type alone, or with the character set that JSON always has (RFC 8259, section 8.1). */
const UTF8_JSON = /^application\/json\s*(?:;\s*charset="?utf-?8"?\s*)?$/i;

/**
 * Makes a reader of bodies. They stay bytes: of a costly body the text is never made.
 *
 * @param maxReading bytes of all bodies that are being read at a time
 */
export function bodyReader(maxReading: number): ReadBody {
	const limitBody = limitBodies(maxReading);
	return (request, done) => {
		const problem = headersProblem(request);
		if (problem === undefined) collect(request, limitBody, done);
		else done(err(problem));
	};
}

function headersProblem({ headers }: IncomingMessage): BodyProblem | undefined {
	const type = headers['content-type'] ?? '';
	if (type !== 'application/json' && !UTF8_JSON.test(type)) return NO_REVIEW;
	if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return NO_REVIEW;
	return (headers['content-encoding'] ?? 'identity').toLowerCase() === 'identity' ? undefined : COMPRESSED;
}

/** A body that is too large is read to its end but not kept: most clients read the response only then. */
function collect(
	request: IncomingMessage,
	limitBody: ReturnType<typeof limitBodies>,
	done: (body: Result<Buffer, BodyProblem>) => void,
): void {
	let chunks: Buffer[] = [];
	// NaN if the body comes in chunks.
	let large = Number(request.headers['content-length']) > BODY_LIMIT;
	let length = 0;
	limitBody(request);
	request.on('data', (chunk: Buffer) => {
		length += chunk.length;
		large ||= length > BODY_LIMIT;
		if (large) chunks = [];
		else chunks.push(chunk);
	});
	request.on('end', () => {
		const [first] = chunks;
		if (large) done(err(TOO_LARGE));
		else done(ok(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)));
	});
}
