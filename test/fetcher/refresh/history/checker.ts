/**
 * Checks what a reader saw while a sidecar kept its files current, against what happened in Vault. Pure: it
 * takes records and gives violations.
 */

/** One change of the secrets of a pod, as Vault answered it. */
export interface ChangeRecord {
	/** When the request was sent, and when Vault had answered it, in ms of one clock. */
	readonly from: number;
	readonly to: number;
	/** The values that a pod gets after it, by key. Every write has a value of its own. */
	readonly secrets: Readonly<Record<string, string>>;
}

/** What a reader saw in one look: every file of one generation. */
export interface Sample {
	/** Before the look, and after it. */
	readonly from: number;
	readonly to: number;
	/** The directory of the generation. */
	readonly generation: string;
	/** The values by key, as each of the files has them. */
	readonly files: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** A time in which a check could not succeed. */
export interface Outage {
	readonly from: number;
	readonly to: number;
}

/** All records of one run. */
export interface History {
	readonly changes: readonly ChangeRecord[];
	readonly samples: readonly Sample[];
	readonly outages: readonly Outage[];
	/** The most ms that a change may take until the files show it, where no outage comes. */
	readonly bound: number;
	/** The most ms that one check takes. */
	readonly check: number;
}

/** Something that must not happen. */
export interface Violation {
	readonly rule:
		| 'mixed-files'
		| 'changed-generation'
		| 'never-written'
		| 'went-back'
		| 'lost-change'
		| 'stale';
	readonly at: number;
	readonly what: string;
}

const show = (secrets: Readonly<Record<string, string>>): string => JSON.stringify(secrets);
const sorted = (secrets: Readonly<Record<string, string>>): string =>
	JSON.stringify(Object.entries(secrets).sort(([a], [b]) => (a < b ? -1 : 1)));

/** All violations of a history, in the order of their times. */
export function violationsOf(history: History): readonly Violation[] {
	return [...mixed(history), ...ordered(history), ...stale(history)].sort((a, b) => a.at - b.at);
}

/** The values of a sample; those of its first file. */
function secretsOf({ files }: Sample): Readonly<Record<string, string>> {
	return Object.values(files)[0] ?? {};
}

/** The files of one generation agree, and a generation never changes. */
function* mixed({ samples }: History): Generator<Violation> {
	const generations = new Map<string, string>();
	for (const sample of samples) {
		const at = sample.to;
		const texts = Object.entries(sample.files).map(([file, secrets]) => [file, sorted(secrets)] as const);
		const [first] = texts;
		const other = texts.find(([, text]) => text !== first?.[1]);
		if (first !== undefined && other !== undefined)
			yield { rule: 'mixed-files', at, what: `${first[0]} has ${first[1]}, ${other[0]} has ${other[1]}` };
		const text = first?.[1] ?? '';
		const before = generations.get(sample.generation) ?? text;
		generations.set(sample.generation, before);
		if (before !== text)
			yield { rule: 'changed-generation', at, what: `${sample.generation} had ${before}, then ${text}` };
	}
}

/** When a key had a value in Vault. */
interface Span {
	readonly value: string | undefined;
	/** From the request that gave it on, until the one that took it had its answer. */
	readonly from: number;
	readonly to: number;
}

function spansOf(changes: readonly ChangeRecord[], key: string): readonly Span[] {
	const starts = changes.filter(({ secrets }, i) => i === 0 || changes[i - 1]?.secrets[key] !== secrets[key]);
	return starts.map(({ secrets, from }, i) => ({
		value: secrets[key],
		from,
		to: starts[i + 1]?.to ?? Number.POSITIVE_INFINITY,
	}));
}

/**
 * Each generation is what one check could read: a check takes some time, and each value was in Vault in this
 * time. The checks are in the order of the generations. Two keys, one read before a change and one after it,
 * may come together only within one check.
 */
function* ordered({ changes, samples, check }: History): Generator<Violation> {
	const keys = new Set([
		...changes.flatMap(({ secrets }) => Object.keys(secrets)),
		...samples.flatMap((sample) => Object.keys(secretsOf(sample))),
	]);
	const spans = new Map([...keys].map((key) => [key, spansOf(changes, key)]));
	const starts = changes.flatMap(({ from }) => [from - check, from]).sort((a, b) => a - b);
	/** The index of the first span, from `since` on, of this value between `from` and `to`; or -1. */
	const find = (key: string, value: string | undefined, from: number, to: number, since = 0): number =>
		(spans.get(key) ?? []).findIndex(
			(span, index) => index >= since && span.value === value && span.from <= to && span.to >= from,
		);
	/** By key: the span that the generation before had. */
	const reached = new Map<string, number>();
	let earliest = Number.NEGATIVE_INFINITY;
	let last: string | undefined;
	for (const sample of samples) {
		if (sample.generation === last) continue;
		last = sample.generation;
		const secrets = secretsOf(sample);
		const readable = (start: number, ordered: boolean): boolean =>
			start <= sample.to &&
			[...keys].every((key) => {
				const since = ordered ? reached.get(key) : undefined;
				return find(key, secrets[key], start, Math.min(start + check, sample.to), since) >= 0;
			});
		const start = starts.find((each) => each >= earliest && readable(each, true));
		if (start !== undefined) {
			earliest = start;
			for (const key of keys)
				reached.set(key, find(key, secrets[key], start, start + check, reached.get(key)));
			continue;
		}
		const known = [...keys].every((key) => find(key, secrets[key], Number.NEGATIVE_INFINITY, sample.to) >= 0);
		const before = starts.some((each) => readable(each, false));
		const rule = before ? 'went-back' : known ? 'mixed-files' : 'never-written';
		yield { rule, at: sample.to, what: `${sample.generation}: ${show(secrets)}` };
	}
}

/**
 * After each change there is a sample within the bound that shows it or a later one; outages extend the
 * bound. The last sample shows the last change.
 */
function* stale({ changes, samples, outages, bound }: History): Generator<Violation> {
	const end = samples.at(-1)?.to ?? 0;
	for (const [index, change] of changes.entries()) {
		const due = dueOf(change.to, outages, bound);
		if (due > end) continue;
		const later = new Set(changes.slice(index).map(({ secrets }) => sorted(secrets)));
		const shown = samples.some(
			(sample) =>
				sample.to >= change.from && sample.from <= due && partsOf(sample, changes.slice(index), later),
		);
		if (!shown) {
			const ever = samples.some(
				(sample) => sample.to >= change.from && partsOf(sample, changes.slice(index), later),
			);
			const what = `${show(change.secrets)} was due ${Math.round(due - change.to)} ms after it`;
			yield { rule: ever ? 'stale' : 'lost-change', at: change.to, what };
		}
	}
}

/** Whether a sample shows one of these states, or each key as one of them has it. */
function partsOf(sample: Sample, states: readonly ChangeRecord[], texts: ReadonlySet<string>): boolean {
	const secrets = secretsOf(sample);
	if (texts.has(sorted(secrets))) return true;
	const keys = new Set([...Object.keys(secrets), ...states.flatMap((one) => Object.keys(one.secrets))]);
	return [...keys].every((key) => states.some((one) => one.secrets[key] === secrets[key]));
}

/** The bound counts from the end of an outage that comes before it has passed. */
function dueOf(from: number, outages: readonly Outage[], bound: number): number {
	let due = from + bound;
	for (const outage of [...outages].sort((a, b) => a.from - b.from))
		if (outage.from <= due && outage.to >= from) due = Math.max(due, outage.to + bound);
	return due;
}
