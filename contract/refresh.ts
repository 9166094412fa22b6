import { err, ok, type Result } from './result.ts';
import { isRevision } from './revision.ts';
import { duration, oneOf } from './values.ts';

/** Signals that ask a program to reload or stop. */
export const SIGNALS = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGINT', 'SIGTERM'] as const;

/** One of these signals. */
export type Signal = (typeof SIGNALS)[number];

/** What happens after a change. */
export type OnChange =
	| { readonly kind: 'none' }
	/** POST to this port of the pod's own loopback address. */
	| { readonly kind: 'post'; readonly port: number; readonly path: string }
	/** Signal to the first process of each container that gets secrets. */
	| { readonly kind: 'signal'; readonly signal: Signal }
	/** Restart of all containers of the pod, in place (KEP-5532). */
	| { readonly kind: 'restart' }
	/** The controller rolls the workload. */
	| { readonly kind: 'rollout' };

/** Whether the sidecar tells the application about a change. */
export function isNotified({ kind }: OnChange): boolean {
	return kind === 'post' || kind === 'signal';
}

/** Period without a number in the annotation, in seconds. */
export const DEFAULT_PERIOD = 300;

const SHORTEST = 10_000;
const LONGEST = 24 * 3_600_000;

const PERIOD_RULE = '"true" (every 5 minutes), "false", or a period from 10s to 24h, such as 30s, 5m or 1h';

function seconds(text: string): number | undefined {
	const parsed = duration(SHORTEST)(text);
	return parsed.ok && parsed.value <= LONGEST ? parsed.value / 1000 : undefined;
}

/** Parses "true", "false" or a period. Returns seconds; 0 for "false". */
export function parseRefresh(text: string): Result<number> {
	if (text === 'false') return ok(0);
	const period = text === 'true' ? DEFAULT_PERIOD : seconds(text);
	return period === undefined ? err(PERIOD_RULE) : ok(period);
}

/** Parses a time from 10s to 24h. Returns seconds. */
export function parseSpread(text: string): Result<number> {
	const spread = seconds(text);
	return spread === undefined ? err('a time from 10s to 24h, such as 30s, 5m or 1h') : ok(spread);
}

const ON_CHANGE_RULE = `none, http://localhost:PORT/PATH, signal:SIGNAL (${SIGNALS.join(', ')}) restart or rollout`;

/**
 * Allows no user, no other host and no fragment, so that the request goes only to the pod's loopback
 * address.
 */
const POST = /^http:\/\/localhost:([1-9][0-9]{0,4})(\/[-A-Za-z0-9_.~/%?=&+:,;@]*)?$/;

/** Longest path of a POST, in characters. */
const LONGEST_PATH = 1024;

/** Parses the action after a change. */
export function parseOnChange(text: string): Result<OnChange> {
	if (text === 'none' || text === 'restart' || text === 'rollout') return ok({ kind: text });
	if (text.startsWith('signal:')) {
		const signal = oneOf(...SIGNALS)(text.slice('signal:'.length));
		return signal.ok ? ok({ kind: 'signal', signal: signal.value }) : err(ON_CHANGE_RULE);
	}
	const [, port = '', path = '/'] = POST.exec(text) ?? [];
	const number = Number(port);
	if (number < 1 || number > 65_535 || path.length > LONGEST_PATH) return err(ON_CHANGE_RULE);
	return ok({ kind: 'post', port: number, path });
}

/** The text of an action. `parseOnChange` parses it. */
export function onChangeText(action: OnChange): string {
	switch (action.kind) {
		case 'none':
		case 'restart':
		case 'rollout':
			return action.kind;
		case 'signal':
			return `signal:${action.signal}`;
		case 'post':
			return `http://localhost:${action.port}${action.path}`;
		default:
			return action satisfies never;
	}
}

/** Modes of the fetcher. */
export const MODES = ['once', 'initial', 'refresh'] as const;

/**
 * `once`: an init container without a sidecar, which revokes its token. `initial`: an init container with a
 * sidecar, which saves its token in the private file. `refresh`: the sidecar.
 */
export type Mode = (typeof MODES)[number];

/** Argument with which the fetcher's program answers the readiness probe of the sidecar. */
export const READY_ARGUMENT = 'ready';

/**
 * Exit code of the sidecar that asks the kubelet to restart all containers of the pod (`restartPolicyRules`).
 * No exit code of the fetcher has this number.
 */
export const RESTART_EXIT_CODE = 97;

/** Before the revision in the termination message of a fetcher that succeeded. */
const REVISION_PREFIX = 'envtier revision ';

/** The termination message of a fetcher whose pod is rolled after a change. */
export function revisionMessage(revision: string): string {
	return `${REVISION_PREFIX}${revision}`;
}

/** The revision in a termination message; undefined if there is none. */
export function parseRevisionMessage(message: string): string | undefined {
	const revision = message.startsWith(REVISION_PREFIX) ? message.slice(REVISION_PREFIX.length) : '';
	return isRevision(revision) ? revision : undefined;
}
