/**
 * CPU time of `admit()` for a typical pod, compared with the time to parse the same body. The two alternate
 * in one process.
 */
import process from 'node:process';
import { admit } from '../webhook/admission/admit.ts';
import { decodeReview, encodeReview } from '../webhook/admission/review.ts';
import { readSettings } from '../webhook/settings.ts';
import { ASKING, reviewOf, typicalPod } from './support/review.ts';
import { median } from './support/stats.ts';

const CALLS = 5_000;
const ROUNDS = 15;

const settings = readSettings({
	ENVTIER_TLS_CERT_FILE: '-',
	ENVTIER_TLS_KEY_FILE: '-',
	ENVTIER_FETCHER_IMAGE: 'envtier-fetcher:bench',
	ENVTIER_VAULT_ADDR: 'https://vault.example:8200',
	ENVTIER_DEFAULT_ORG: 'acme',
});
if (!settings.ok) throw new Error(settings.error);
const { injection } = settings.value;
const text = reviewOf(typicalPod(ASKING));
const body = Buffer.from(text);
const review = decodeReview(body);
if (!review.ok) throw new Error(review.error);

/** Microseconds for each call. The sum prevents the engine from removing the work. */
function time(work: () => number): number {
	let sum = 0;
	const start = performance.now();
	for (let i = 0; i < CALLS; i++) sum += work();
	const perCall = ((performance.now() - start) / CALLS) * 1000;
	if (sum <= 0) throw new Error('nothing was done');
	return perCall;
}

const subjects = {
	'JSON.parse of the body': () => Object.keys(JSON.parse(text)).length,
	'admit()': () => admit(review.value, injection).kind.length,
	'decode, admit, encode': () => {
		const decoded = decodeReview(body);
		return decoded.ok ? encodeReview(decoded.value.uid, admit(decoded.value, injection)).length : 0;
	},
};
const times = Object.fromEntries(Object.keys(subjects).map((name) => [name, [] as number[]]));
for (let round = 0; round < ROUNDS; round++)
	for (const [name, work] of Object.entries(subjects)) times[name]?.push(time(work));

const base = median(times['JSON.parse of the body'] ?? []);
process.stdout.write(
	`${body.length} bytes; medians of ${ROUNDS} rounds of ${CALLS} calls\n\n| what | µs a call | × JSON.parse |\n|---|---|---|\n`,
);
for (const [name, values] of Object.entries(times))
	process.stdout.write(
		`| ${name} | ${median(values).toFixed(1)} | ${(median(values) / base).toFixed(2)} |\n`,
	);
