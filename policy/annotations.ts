import { EMPTY_POLICIES } from '../contract/empty.ts';
import { FORMATS } from '../contract/formats.ts';
import { KEY_PATTERN } from '../contract/keys.ts';
import { NAME_MAX, NAME_PATTERN, ROLE_PATTERN } from '../contract/names.ts';
import { TIERS } from '../contract/tiers.ts';
import {
	ANNOTATIONS,
	type AnnotationName,
	GROUP_PATTERN,
	ID_MAX,
	PATHS,
	USER_PATTERN,
} from '../webhook/annotations/annotations.ts';
import { CONTAINER_NAME } from '../webhook/annotations/keyed-annotations.ts';
import { literal, literals, pattern } from './cel.ts';
import { items, said } from './pod.ts';

/**
 * Maximum number of items in one annotation. The check for repeated items takes time proportional to the
 * square of this number.
 */
export const MOST_ITEMS = 100;
/** Maximum number of characters of such a list. */
export const MOST_CHARACTERS = 8192;
/** The annotations that are lists. */
export const LIST_NAMES = [
	'tiers',
	'require',
	'containers',
	'format',
] as const satisfies readonly AnnotationName[];

/** The condition on an annotation's value for the policy; "webhook" if only the webhook serves it. */
type Served = string | 'webhook';

const name = (annotation: AnnotationName): string =>
	`${said(annotation)}.size() <= ${NAME_MAX} && ${said(annotation)}.matches(${pattern(NAME_PATTERN)})`;

const oneOf = (annotation: AnnotationName, words: readonly string[]): string =>
	`${said(annotation)} in ${literals(words)}`;

/** A list of at most MOST_ITEMS different items. `item` is the condition on each. */
function list(annotation: (typeof LIST_NAMES)[number], item: (text: string) => string): string {
	return [
		// Printable ASCII only, because Go and JavaScript do not treat the same characters as blanks.
		`${said(annotation)}.size() <= ${MOST_CHARACTERS} && ${said(annotation)}.matches('^[ -~]*$')`,
		`[${items(annotation)}].exists(list, list.size() <= ${MOST_ITEMS} && list.all(item, ${item('item')}) && list.all(item, list.exists_one(other, other == item)))`,
	].join(' && ');
}

const id = (annotation: AnnotationName, digits: RegExp): string =>
	`${said(annotation)}.matches(${pattern(digits)}) && int(${said(annotation)}) <= ${ID_MAX}`;

/**
 * The values that the policy accepts for each annotation. It may accept less than the webhook, but never more
 * (the API server's test compares them). A missing annotation is a type error.
 */
export const SERVED: Readonly<Record<AnnotationName, Served>> = {
	deployment: name('deployment'),
	service: name('service'),
	inject: oneOf('inject', ['true', 'false']),
	org: name('org'),
	role: `${said('role')}.matches(${pattern(ROLE_PATTERN)})`,
	tiers: list('tiers', (item) => `${item} in ${literals(TIERS)}`),
	require: `!(${said('require')}.trim().lowerAscii() in ['true', 'false']) && ${list('require', (item) => `${item}.matches(${pattern(KEY_PATTERN)})`)}`,
	allow: 'webhook',
	refresh: 'webhook',
	'on-change': 'webhook',
	spread: 'webhook',
	empty: oneOf('empty', EMPTY_POLICIES),
	containers: list('containers', (item) => `${item}.matches(${pattern(CONTAINER_NAME)})`),
	path: [
		`${said('path')}.size() <= ${PATHS.max}`,
		`${said('path')}.matches(${pattern(PATHS.pattern)})`,
		`!(${said('path')} in ${literals(PATHS.taken)})`,
		`!${said('path')}.matches(${pattern(PATHS.dots)})`,
		`!${said('path')}.matches(${pattern(PATHS.kernel)})`,
	].join(' && '),
	format: list('format', (item) => `${item} in ${literals(FORMATS)}`),
	env: 'webhook',
	keys: 'webhook',
	prefix: 'webhook',
	wrap: 'webhook',
	'run-as-user': id('run-as-user', USER_PATTERN),
	'run-as-group': id('run-as-group', GROUP_PATTERN),
	'init-order': oneOf('init-order', ['first', 'last']),
};

/** The annotations that the policy serves, and those that only the webhook serves. */
export const ALL_NAMES = Object.keys(ANNOTATIONS) as readonly AnnotationName[];
export const SERVED_NAMES = ALL_NAMES.filter((each) => SERVED[each] !== 'webhook');
export const WEBHOOK_NAMES = ALL_NAMES.filter((each) => SERVED[each] === 'webhook');

/** The rule for an annotation's value, with the text of the webhook's refusal. */
function ruleOf(annotation: AnnotationName): string {
	const parsed = ANNOTATIONS[annotation].parse('\0');
	if (parsed.ok) throw new Error(`annotation ${annotation} takes anything`);
	return parsed.error;
}

/** A literal of such a rule, for a message. */
export const rule = (annotation: AnnotationName): string => literal(ruleOf(annotation));
