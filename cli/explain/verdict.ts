import type { V1Pod } from '@kubernetes/client-node';
import jsonpatch from 'fast-json-patch';
import { ANNOTATION_PREFIX, INJECTED, ORG_LABEL } from '../../contract/names.ts';
import { ok } from '../../contract/result.ts';
import { type Json, object } from '../../lib/json.ts';
import { leftToWebhook } from '../../policy/plain-pod.ts';
import { admit } from '../../webhook/admission/admit.ts';
import type { Decision } from '../../webhook/admission/decision.ts';
import { REJECT_REASONS, SKIP_REASONS } from '../../webhook/admission/reasons.ts';
import { quoted } from '../../webhook/admission/redact.ts';
import { decodeReview } from '../../webhook/admission/review.ts';
import { parseAnnotations } from '../../webhook/annotations/parse-annotations.ts';
import { podAnnotations } from '../../webhook/pod/pod.ts';
import { WEBHOOK_CONFIGURATION } from '../webhook-configuration.ts';
import { lookAlikes } from './look-alikes.ts';
import type { ExplainSettings } from './settings.ts';
import type { Subject } from './subjects.ts';

/** The webhook's decision about the pods of one subject, with its reason. */
export interface Verdict {
	readonly subject: Subject;
	readonly decision: Decision['kind'];
	/** The webhook's reason, such as `excluded-namespace` or `pods-unknown`; undefined for an injection. */
	readonly reason: string | undefined;
	/** The explanation for this case, or of the reason in general. */
	readonly message: string | undefined;
	/** The remedy. */
	readonly cure: string | undefined;
	/** Warnings that the API server would show to the creator of the pod. */
	readonly warnings: readonly string[];
	/** Facts that the command can see and the webhook cannot. */
	readonly hints: readonly string[];
	readonly injection: Injection | undefined;
}

/** The changes that the webhook would make. */
export interface Injection {
	readonly role: string;
	readonly tiers: readonly string[];
	/** Keys with sealed values in annotations. */
	readonly sealed: readonly string[];
	/** Variables by which programs run code, and which the pod allows. */
	readonly allow: readonly string[];
	/** The treatment of empty values. */
	readonly empty: string;
	/** Keys with composed values. */
	readonly composed: readonly string[];
	/** Dynamic secrets: the beginning of their keys, and the Vault path. */
	readonly leases: readonly string[];
	readonly fetchers: readonly { readonly container: string; readonly user: number }[];
	/** The JSON Patch (RFC 6902) in the webhook's response. */
	readonly patch: Extract<Decision, { kind: 'inject' }>['patch'];
	/** The pod after the patch. */
	readonly pod: Json;
	/** Why the admission policy leaves the pod to the webhook; undefined when the policy injects into it. */
	readonly leftByPolicy: string | undefined;
}

/** Decides about a subject with the webhook's own function. */
export function verdictOf(subject: Subject, settings: ExplainSettings): Verdict {
	const nothing = { subject, warnings: [], injection: undefined };
	if (WEBHOOK_CONFIGURATION.excludedNamespaces.some((name) => name === subject.namespace))
		return {
			...nothing,
			decision: 'skip',
			reason: 'excluded-namespace',
			message: `the webhook configuration as shipped excludes the namespace ${subject.namespace}: the webhook is not asked`,
			cure: 'run it in a namespace of its own',
			hints: lookAlikes(subject.pod['metadata']),
		};
	const mistyped = unquotedIn(subject);
	if (mistyped !== undefined)
		return { ...nothing, decision: 'reject', reason: 'malformed-pod', ...mistyped, hints: [] };
	if (subject.pod['spec'] === undefined && subject.at !== undefined)
		return ofAnnotations(subject, subject.at);
	return ofDecision(subject, decide(subject, settings), settings);
}

function ofDecision(subject: Subject, decision: Decision, settings: ExplainSettings): Verdict {
	const nothing = { subject, warnings: [], injection: undefined };
	const alike = lookAlikes(subject.pod['metadata']);
	const commonHints = [...labelHints(subject, settings), ...alike];
	switch (decision.kind) {
		case 'skip': {
			const { meaning, cure } = SKIP_REASONS[decision.reason];
			return {
				...nothing,
				decision: 'skip',
				reason: decision.reason,
				message: meaning,
				cure: cure || undefined,
				hints: [...hintsOnSkip(subject), ...alike],
			};
		}
		case 'reject':
			return {
				...nothing,
				decision: 'reject',
				reason: decision.reason,
				message: decision.message,
				cure: REJECT_REASONS[decision.reason].cure,
				hints: commonHints,
			};
		case 'inject':
			return {
				...nothing,
				decision: 'inject',
				reason: undefined,
				message: undefined,
				cure: undefined,
				warnings: decision.warnings,
				hints: [...hintsOnInjection(decision, settings), ...commonHints],
				injection: injectionOf(subject, decision),
			};
		default:
			return decision satisfies never;
	}
}

/** The verdict on annotations without a pod template. Their validity is known; the pods are not. */
function ofAnnotations(subject: Subject, at: string): Verdict {
	const hints = lookAlikes(subject.pod['metadata']);
	const nothing = { subject, warnings: [], hints, injection: undefined };
	const annotations = podAnnotations(subject.pod);
	if (annotations.ok && !annotations.value?.size)
		return {
			...nothing,
			decision: 'skip',
			reason: 'not-requested',
			cure: undefined,
			message: SKIP_REASONS['not-requested'].meaning,
		};
	const read = annotations.ok ? parseAnnotations(annotations.value ?? new Map()) : undefined;
	if (read !== undefined && !read.ok) {
		const { reason, message } = read.error;
		return { ...nothing, decision: 'reject', reason, message, cure: REJECT_REASONS[reason].cure };
	}
	return {
		...nothing,
		decision: 'skip',
		reason: 'pods-unknown',
		message: `the annotations at ${at} are right as far as they can be read alone; which pods a ${subject.kind} makes, and which of them get these annotations, is not known here`,
		cure: `let explain see a pod that comes of it (kubectl get pod NAME --output yaml), or look whether that has the init container ${INJECTED.container}`,
	};
}

/**
 * The API server refuses such an object before it calls the webhook. Its error names neither the annotation
 * nor the remedy.
 */
function unquotedIn({ pod, at }: Subject): { readonly message: string; readonly cure: string } | undefined {
	const metadata = object(pod['metadata']);
	const wrong = ['annotations', 'labels'].flatMap((field) =>
		Object.entries(object(metadata?.[field]) ?? {})
			.filter(([, value]) => value !== null && typeof value !== 'string')
			.map(([name, value]) => `${field.slice(0, -1)} ${quoted(name)} is ${typeNameOf(value)}`),
	);
	if (wrong.length === 0) return undefined;
	const more = wrong.length > SHOWN ? `, and ${wrong.length - SHOWN} more` : '';
	return {
		message: `${wrong.slice(0, SHOWN).join(', ')}${more}: their values must be strings${at === undefined ? '' : ` (${at})`}`,
		cure: 'put the value in quotes: YAML reads true, yes and 5432 without quotes as no string',
	};
}

/** Maximum number of mistyped values in one message. */
const SHOWN = 10;

function typeNameOf(value: unknown): string {
	if (typeof value === 'object') return Array.isArray(value) ? 'a list' : 'a map';
	return typeof value === 'boolean' ? 'true or false, without quotes' : 'a number, without quotes';
}

/** Uses the AdmissionReview of a real call, so that the webhook's code reads the same fields. */
function decide({ pod, namespace, orgLabel }: Subject, settings: ExplainSettings): Decision {
	const request = {
		uid: 'explain',
		operation: 'CREATE',
		kind: { group: '', version: 'v1', kind: 'Pod' },
		namespace,
		object: pod,
	};
	const review = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request };
	const decoded = decodeReview(Buffer.from(JSON.stringify(review)));
	if (!decoded.ok) throw new Error(`an AdmissionReview made here is none: ${decoded.error}`);
	return admit(decoded.value, { ...settings.injection, orgLabel: ok(orgLabel?.value) });
}

function injectionOf(subject: Subject, { plan, patch }: Extract<Decision, { kind: 'inject' }>): Injection {
	const pod = structuredClone(subject.pod);
	return {
		role: plan.fetchSpec.role,
		tiers: plan.fetchSpec.tiers,
		allow: plan.fetchSpec.allow,
		empty: plan.fetchSpec.empty,
		sealed: [...plan.fetchSpec.sealed.keys()],
		composed: [...plan.fetchSpec.templates.keys()],
		leases: [...(plan.fetchSpec.refresh?.leases ?? [])].map(([name, path]) => `${name}_* from ${path}`),
		fetchers: plan.fetchers.map(({ container, userIds: identity }) => ({ container, user: identity.user })),
		patch,
		leftByPolicy: leftToWebhook(subject.pod as V1Pod, plan),
		// Clones both: applying a patch moves its values into the document.
		pod: jsonpatch.applyPatch(pod, structuredClone([...patch]), true).newDocument,
	};
}

/** The hint for an enforced label that is unknown: the decision depends on it. */
function labelHints({ orgLabel }: Subject, { injection }: ExplainSettings): readonly string[] {
	if (injection.orgLabelMode !== 'enforce' || orgLabel !== undefined) return [];
	return [
		`the label ${ORG_LABEL} of the namespace is enforced, and is taken to be missing here: give the Namespace along with the pod, or its label by --org-label`,
	];
}

function hintsOnSkip({ hasIgnoredAnnotations, kind }: Subject): readonly string[] {
	if (!hasIgnoredAnnotations) return [];
	return [
		`the ${kind} itself has annotations under ${ANNOTATION_PREFIX}, which its pods do not get: move them to the pod template’s metadata.annotations`,
	];
}

function hintsOnInjection(
	{ plan }: Extract<Decision, { kind: 'inject' }>,
	{ assumesVersion }: ExplainSettings,
): readonly string[] {
	if (!assumesVersion || plan.fetchSpec.variables.length === 0) return [];
	return [
		`${ANNOTATION_PREFIX}env needs Kubernetes 1.35, which is assumed here: --kubernetes-version says what your cluster has`,
	];
}

/** Severity of a decision for a user who wants secrets in the pod. */
const SEVERITY = { inject: 0, skip: 1, reject: 2 } as const;

/** The most severe decision of all verdicts. */
export function worst(verdicts: readonly Verdict[]): Decision['kind'] {
	return verdicts.reduce<Decision['kind']>(
		(all, { decision }) => (SEVERITY[decision] > SEVERITY[all] ? decision : all),
		'inject',
	);
}
