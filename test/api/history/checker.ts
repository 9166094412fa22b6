/**
 * Decides whether what clients saw, what the store holds in the end, and the audit lines fit together. It
 * knows nothing of the API's code.
 */

/** One call of a client about one place: a key, or the keys of a typed secret. */
export interface HistoryCall {
	readonly requestId: string;
	readonly kind: 'create' | 'update' | 'delete';
	readonly place: string;
	/** What it writes; unique in the history. */
	readonly value?: string;
	/** The id that an update or a deletion names. */
	readonly target?: string;
	/** Milliseconds of one clock. `end` is infinite if no answer came: it may take effect at any later time. */
	readonly start: number;
	readonly end: number;
	/**
	 * `done`; `absent` (404); `exists` (409 of a creation); `refused`: an answer that promises no effect;
	 * `unknown`: no answer, or one that promises nothing.
	 */
	readonly outcome: 'done' | 'absent' | 'exists' | 'refused' | 'unknown';
	/** The id in the answer of a creation. */
	readonly id?: string;
	/** True if a creation without an answer may be undone later: those of typed secrets have a journal. */
	readonly undoable?: boolean;
}

/** What a place holds after all calls. */
export interface FinalState {
	/** Undefined: nothing. Of a typed secret: the value of the call that wrote the key, for each of its keys. */
	readonly values: readonly string[] | undefined;
	/** True if the list says that the typed secret is half changed. */
	readonly incomplete: boolean;
}

/** The part of an audit line that the check needs. */
export interface HistoryLine {
	readonly phase: string;
	readonly requestId: string;
	readonly eventId: string;
	readonly action: string;
	readonly scope: string;
	readonly key: string;
	readonly time: string;
	readonly result?: string;
	readonly replica: string;
	readonly sequence: number;
}

/** Everything that was observed. */
export interface History {
	readonly calls: readonly HistoryCall[];
	readonly final: ReadonlyMap<string, FinalState>;
	/** The lines of all replicas' logs, and of the audit store. */
	readonly logged: readonly HistoryLine[];
	readonly stored: readonly HistoryLine[];
	/** Places of a deployment that was deleted: a creation beside the deletion must not leave anything. */
	readonly deleted?: ReadonlySet<string>;
	/** Values that the store holds in any version. */
	readonly written: ReadonlySet<string>;
}

/** Every violation, as a sentence. */
export function violationsOf(history: History): readonly string[] {
	const places = new Map(Map.groupBy(history.calls, ({ place }) => place));
	for (const place of history.final.keys()) if (!places.has(place)) places.set(place, []);
	return [
		...[...places].flatMap(([place, calls]) =>
			history.deleted?.has(place)
				? deletedViolations(place, history.final.get(place))
				: placeViolations(place, calls, history.final.get(place)),
		),
		...auditViolations(history),
	];
}

function deletedViolations(place: string, final: FinalState | undefined): readonly string[] {
	if (final?.values === undefined) return [];
	return [`${place} of a deleted deployment holds ${final.values.join(' and ')}`];
}

function placeViolations(
	place: string,
	calls: readonly HistoryCall[],
	final: FinalState | undefined,
): readonly string[] {
	const values = [...new Set(final?.values ?? [])];
	// Half a change is allowed if it is told: no order of whole calls explains it.
	if (values.length > 1)
		return final?.incomplete ? [] : [`${place} holds parts of ${values.join(' and ')}, and nothing says so`];
	const [value] = values;
	if (isExplained(calls, value)) return [];
	return [`no order of the calls explains ${place}: it holds ${value ?? 'nothing'}`];
}

/** A register: absent, or a value and the id of its creation (`?` if no answer told it). */
interface State {
	readonly value: string | undefined;
	readonly id: string;
	/** True if the creation got no answer and may be undone. */
	readonly pending: boolean;
}

const ABSENT: State = { value: undefined, id: '', pending: false };

/**
 * True if the calls have an order that keeps their real-time order, gives each its answer, and ends with
 * `value`: linearizability, by the search of Wing and Gong with a memory of states.
 */
function isExplained(calls: readonly HistoryCall[], value: string | undefined): boolean {
	const certain = calls.filter(({ outcome }) => outcome !== 'refused');
	const all = (1n << BigInt(certain.length)) - 1n;
	const optional = maskOf(certain, ({ outcome }) => outcome === 'unknown');
	const seen = new Set<string>();
	const stack: { readonly done: bigint; readonly state: State }[] = [{ done: 0n, state: ABSENT }];
	for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
		const { done, state } = at;
		const mark = `${done} ${state.value} ${state.id}`;
		if (seen.has(mark)) continue;
		seen.add(mark);
		const ends = state.value === value || (state.pending && value === undefined);
		if ((done | optional) === all && ends) return true;
		stack.push(...nextOf(certain, done, state));
	}
	return false;
}

/** What may come next. A call may, unless another one, not yet placed, ended before it began. */
function nextOf(
	calls: readonly HistoryCall[],
	done: bigint,
	state: State,
): readonly { readonly done: bigint; readonly state: State }[] {
	const left = calls
		.map((call, i) => ({ call, bit: 1n << BigInt(i) }))
		.filter(({ bit }) => (done & bit) === 0n);
	const firstEnd = Math.min(...left.map(({ call }) => call.end));
	return left
		.filter(({ call }) => call.start <= firstEnd)
		.flatMap(({ call, bit }) => {
			const next = apply(call, state, isAlone(call, calls));
			return next === undefined ? [] : [{ done: done | bit, state: next }];
		});
}

function maskOf(calls: readonly HistoryCall[], wanted: (call: HistoryCall) => boolean): bigint {
	return calls.reduce((mask, call, i) => (wanted(call) ? mask | (1n << BigInt(i)) : mask), 0n);
}

/** False for a deletion beside another one of the same id: both may be answered as done. */
function isAlone(call: HistoryCall, calls: readonly HistoryCall[]): boolean {
	return !calls.some(
		(other) =>
			other !== call &&
			other.kind === 'delete' &&
			other.target === call.target &&
			other.start <= call.end &&
			call.start <= other.end,
	);
}

/** The state after a call; undefined if the call could not have had its answer in this state. */
function apply(call: HistoryCall, state: State, alone: boolean): State | undefined {
	return call.kind === 'create' ? created(call, state) : changed(call, state, alone);
}

function created(
	{ outcome, value, id, requestId, undoable = false }: HistoryCall,
	state: State,
): State | undefined {
	const present = state.value !== undefined;
	if (outcome === 'exists') return present ? state : undefined;
	if (present && !state.pending) return outcome === 'done' ? undefined : state;
	if (outcome === 'done') return { value, id: id ?? `?${requestId}`, pending: false };
	return { value, id: `?${requestId}`, pending: undoable };
}

function changed(
	{ kind, outcome, value, target }: HistoryCall,
	state: State,
	alone: boolean,
): State | undefined {
	const present = state.value !== undefined;
	const surely = present && state.id === target;
	const perhaps = surely || (present && state.id.startsWith('?'));
	if (outcome === 'absent') return surely ? undefined : state;
	if (!perhaps && kind === 'delete' && outcome === 'done' && !alone) return state;
	if (!perhaps) return outcome === 'done' ? undefined : state;
	if (kind === 'delete') return ABSENT;
	return outcome === 'done' ? { value, id: target ?? state.id, pending: false } : { ...state, value };
}

function auditViolations(history: History): readonly string[] {
	return [...effectsWithoutIntent(history), ...resultsWithoutIntent(history), ...storeDifferences(history)];
}

function effectsWithoutIntent({ calls, logged, written }: History): readonly string[] {
	const intents = Map.groupBy(
		logged.filter(({ phase }) => phase === 'intent'),
		({ requestId }) => requestId,
	);
	return calls
		.filter(({ outcome, value }) => outcome === 'done' || (value !== undefined && written.has(value)))
		.filter(({ requestId, end }) => !intents.get(requestId)?.some(({ time }) => Date.parse(time) <= end))
		.map(
			({ requestId, kind, place }) => `${requestId} (${kind} of ${place}) took effect without an intent line`,
		);
}

function resultsWithoutIntent({ logged }: History): readonly string[] {
	const events = new Set(logged.filter(({ phase }) => phase === 'intent').map(({ eventId }) => eventId));
	return logged
		.filter(({ phase, result, eventId }) => phase === 'result' && result === 'done' && !events.has(eventId))
		.map(({ requestId }) => `${requestId} has a result line without its intent line`);
}

function storeDifferences({ logged, stored }: History): readonly string[] {
	const name = ({ replica, sequence }: HistoryLine): string => `${replica} ${sequence}`;
	const found = Map.groupBy(stored, name);
	return logged
		.filter((line) => found.get(name(line))?.length !== 1)
		.map((line) => `line ${name(line)} is ${found.get(name(line))?.length ?? 0} times in the store`);
}
