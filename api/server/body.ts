import { isUtf8 } from 'node:buffer';
import express, { type Request, type Response } from 'express';
import { ok, type Result } from '../../contract/result.ts';
import { limitBodies } from '../../lib/http/bodies.ts';
import { parseJson } from '../../lib/parse/json.ts';
import { parseYaml, YAML_LIMITS } from '../../lib/parse/yaml.ts';
import { type Problem, refuse } from '../problem.ts';

/** Reads and decodes a body. */
export type ReadBody = (
	request: Request,
	response: Response,
	yaml: boolean,
) => Promise<Result<unknown, Problem>>;

const YAML_TYPES = ['application/yaml', 'application/x-yaml', 'text/yaml'];

/** Maximum size of all bodies that are being read at the same time, in bytes. */
const MAX_READING = 32 * 1024 * 1024;

/** Creates a reader of bodies of at most `limit` bytes. Errors quote nothing of a body. */
export function bodyReader(limit: number): ReadBody {
	const raw = express.raw({ type: () => true, limit, inflate: false });
	const limitBody = limitBodies(MAX_READING);
	const bytesOf = (request: Request, response: Response): Promise<Result<Buffer, Problem>> =>
		new Promise((resolve) => {
			limitBody(request);
			raw(request, response, (error?: unknown) => {
				if (error === undefined) resolve(ok(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)));
				else resolve(unreadable(error, limit));
			});
		});
	return async (request, response, yaml) => {
		const isYaml = yaml && request.is(YAML_TYPES) !== false && request.is(YAML_TYPES) !== null;
		const bytes = await bytesOf(request, response);
		if (!bytes.ok) return bytes;
		if (bytes.value.length === 0) return refuse(400, 'the body is missing');
		if (!isYaml && !request.is('application/json'))
			return refuse(415, `send the body as application/json${yaml ? ' or application/yaml' : ''}`);
		return decode(bytes.value, isYaml);
	};
}

function unreadable(error: unknown, limit: number): Result<never, Problem> {
	const status = error instanceof Error && 'status' in error ? Number(error.status) : 400;
	if (status === 413) return refuse(413, `the body is larger than ${limit} bytes`);
	if (status === 415) return refuse(415, 'the body must not be compressed');
	return refuse(400, 'the body ended too early');
}

/** Strict about UTF-8: otherwise a wrong byte would become a replacement character and change a secret. */
function decode(bytes: Buffer, yaml: boolean): Result<unknown, Problem> {
	if (!isUtf8(bytes)) return refuse(400, 'the body is not UTF-8');
	if (yaml && bytes.length > YAML_LIMITS.bytes)
		return refuse(413, `a body of YAML must not be larger than ${YAML_LIMITS.bytes} bytes`);
	const parsed = yaml ? parseYaml(bytes.toString('utf8')) : parseJson(bytes);
	return parsed.ok ? parsed : refuse(400, `the body ${parsed.error}`);
}
