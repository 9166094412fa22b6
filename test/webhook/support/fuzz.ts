import fc, { type Arbitrary } from 'fast-check';
import { anyJson, anyPods, askingPods, brokenPods } from './arbitrary-pods.ts';
import { podOf } from './pods.ts';
import { review } from './request.ts';

const GOOD = Buffer.from(JSON.stringify(review(podOf())));
const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value) ?? '');

/** A good review with some bytes changed, taken out, put in or doubled. */
const damaged = fc
	.array(
		fc.record({
			at: fc.nat(GOOD.length - 1),
			length: fc.constantFrom(0, 0, 1, 2, 40),
			bytes: fc.uint8Array({ maxLength: 4 }),
			twice: fc.boolean(),
		}),
		{ minLength: 1, maxLength: 4 },
	)
	.map((changes) =>
		changes.reduce((body, { at, length, bytes, twice }) => {
			const tail = body.subarray(twice ? Math.max(0, at - 40) : at + length);
			return Buffer.concat([body.subarray(0, at), bytes, tail]);
		}, GOOD),
	);

/** A good review of which some member of the envelope is anything. */
const envelopes = fc
	.tuple(fc.constantFrom('uid', 'kind', 'operation', 'namespace', 'name', 'subResource', 'dryRun'), anyJson)
	.map(([member, value]) => {
		const whole = structuredClone(review(podOf())) as { request: Record<string, unknown> };
		whole.request[member] = value;
		return text(whole);
	});

const reviewed = (pods: Arbitrary<unknown>): Arbitrary<Buffer> => pods.map((pod) => text(review(pod)));

/** What bodies are made of, by name. */
const KEYED_ANNOTATIONS = {
	bytes: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
	'damaged reviews': damaged,
	'any JSON': anyJson.map(text),
	'odd envelopes': envelopes,
	'any JSON for a pod': reviewed(anyJson),
	'pods broken somewhere': reviewed(brokenPods),
	'pods that say anything': reviewed(anyPods),
	'pods that ask': reviewed(askingPods),
} as const;

/** Bodies of one family, the same for the same seed. */
export interface Batch {
	readonly family: string;
	readonly bodies: readonly Buffer[];
}

/** `count` bodies of all families in turns, in batches of at most a hundred. */
export function* fuzzed(count: number, seed: number): Generator<Batch> {
	const families = Object.entries<Arbitrary<Buffer>>(KEYED_ANNOTATIONS);
	const size = Math.min(100, Math.ceil(count / families.length));
	for (let made = 0, round = 0; made < count; round += 1) {
		const [family, bodies] = families[round % families.length] ?? ['', fc.constant(GOOD)];
		const numRuns = Math.min(size, count - made);
		made += numRuns;
		yield { family, bodies: fc.sample(bodies, { numRuns, seed: seed + round }) };
	}
}

/**
 * What is wrong with a response, if anything: a review gets a decision, anything else a 4xx, nothing a 5xx.
 */
export function faultOf({
	status,
	text: body,
}: {
	readonly status: number;
	readonly text: string;
}): string | undefined {
	if ([400, 413, 415].includes(status)) return undefined;
	if (status !== 200) return `status ${status}`;
	const { response } = JSON.parse(body) as {
		response?: { uid?: unknown; allowed?: unknown; patch?: unknown };
	};
	if (typeof response?.uid !== 'string' || typeof response.allowed !== 'boolean')
		return 'an answer that is none';
	if (response.patch === undefined) return undefined;
	const patch: unknown = JSON.parse(Buffer.from(String(response.patch), 'base64').toString());
	return response.allowed && Array.isArray(patch) ? undefined : 'a patch that is none';
}
