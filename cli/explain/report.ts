import type { ExplainSettings } from './settings.ts';
import { type Injection, type Verdict, worst } from './verdict.ts';

/**
 * All verdicts in a form for programs. The field names are an interface: add fields, but change none.
 *
 * @param policy true: the report also says which of policy and webhook injects
 */
export function report(
	verdicts: readonly Verdict[],
	ignored: readonly string[],
	settings: ExplainSettings,
	policy: boolean,
): object {
	return {
		decision: worst(verdicts),
		settings: { source: settings.source, placeholders: settings.placeholders },
		objects: verdicts.map(({ subject, decision, reason, message, cure, warnings, hints, injection }) => ({
			place: subject.place,
			kind: subject.kind,
			namespace: subject.namespace,
			name: subject.name,
			...(subject.at === undefined ? {} : { at: subject.at }),
			decision,
			...(reason === undefined ? {} : { reason }),
			...(message === undefined ? {} : { message }),
			...(cure === undefined ? {} : { cure }),
			warnings,
			hints,
			...injectionOf(injection, policy),
		})),
		ignored,
	};
}

function injectionOf(injection: Injection | undefined, policy: boolean): object {
	if (injection === undefined) return {};
	const { leftByPolicy, ...rest } = injection;
	if (!policy) return rest;
	return leftByPolicy === undefined
		? { ...rest, injectedBy: 'policy' }
		: { ...rest, injectedBy: 'webhook', leftByPolicy };
}
