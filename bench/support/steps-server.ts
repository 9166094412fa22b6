/**
 * A server between the bare server and the webhook: it processes a review up to a given step with the
 * webhook's functions, without router, body reader, bounds and metrics. Before the last step it answers a
 * text with the length of a real response.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import pino from 'pino';
import { admit } from '../../webhook/admission/admit.ts';
import { decodeReview, encodeReview } from '../../webhook/admission/review.ts';
import { logDecision } from '../../webhook/server/decision-log.ts';
import { readSettings } from '../../webhook/settings.ts';
import { ASKING, reviewOf, typicalPod } from './review.ts';
import { STEPS, type Step } from './steps.ts';

const [certificateFile = '', keyFile = '', last = ''] = process.argv.slice(2);
const upTo = STEPS.indexOf(last as Step);
const settings = readSettings(process.env);
if (!settings.ok) throw new Error(settings.error);
const { injection } = settings.value;
const log = pino();

function work(body: Buffer): string {
	if (upTo === STEPS.indexOf('parse')) JSON.parse(body.toString());
	if (upTo < STEPS.indexOf('decode')) return constant;
	const review = decodeReview(body);
	if (!review.ok) throw new Error(review.error);
	if (upTo < STEPS.indexOf('decide')) return constant;
	const decision = admit(review.value, injection);
	if (upTo >= STEPS.indexOf('log')) logDecision(log, review.value, decision);
	return upTo < STEPS.indexOf('encode') ? constant : encodeReview(review.value.uid, decision);
}

const typical = decodeReview(Buffer.from(reviewOf(typicalPod(ASKING))));
if (!typical.ok) throw new Error(typical.error);
const constant = encodeReview(typical.value.uid, admit(typical.value, injection)).replace(/./g, 'x');
const server = createServer(
	{ cert: readFileSync(certificateFile), key: readFileSync(keyFile) },
	(request, response) => {
		const chunks: Buffer[] = [];
		request.on('data', (chunk: Buffer) => chunks.push(chunk));
		request.on('end', () => {
			const text = work(Buffer.concat(chunks));
			response.writeHead(200, {
				'content-type': 'application/json',
				'content-length': Buffer.byteLength(text),
			});
			response.end(text);
		});
	},
);
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () =>
	process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`),
);
