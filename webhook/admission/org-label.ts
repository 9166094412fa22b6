import type { Result } from '../../contract/result.ts';
import type { RejectReason } from './reasons.ts';

/**
 * How the organization label of a namespace is used. `ignore`: not at all. `default`: for pods that name no
 * organization. `enforce`: for all pods, which must not name another organization.
 */
export const ORG_LABEL_MODES = ['ignore', 'default', 'enforce'] as const;

/** One of ORG_LABEL_MODES. */
export type OrgLabelMode = (typeof ORG_LABEL_MODES)[number];

/** The label's value; undefined for a namespace without it. The error says why it is not known. */
export type OrgLabel = Result<
	string | undefined,
	Extract<RejectReason, 'namespace-unknown' | 'namespace-outdated'>
>;
