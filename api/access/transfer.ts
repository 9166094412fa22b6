import { ok } from '../../contract/result.ts';
import type { Caller } from '../auth/caller.ts';
import { refuse } from '../problem.ts';
import type { Change, ChangeContext } from './members.ts';
import type { AccessRecord, Member, Transfer } from './record.ts';

/** Time in which a transfer can be accepted, in ms. */
const OFFER_TIME = 7 * 24 * 3_600_000;

const NO_OFFER = 'there is no such transfer, or it is not for you';

/**
 * Offers a deployment to a subject. Nothing changes until the recipient accepts. Replaces an earlier offer.
 *
 * @param isAdmin true for a caller with a role in the organization of the deployment
 */
export function offerTransfer(
	record: AccessRecord,
	{ to, org }: Pick<Transfer, 'to' | 'org'>,
	{ caller, at }: ChangeContext,
	isAdmin: boolean,
): Change {
	if (org !== record.org && !isAdmin)
		return refuse(
			403,
			'a transfer to another organization needs the role org_owner or org_admin in this one',
		);
	const transfer: Transfer = { to, org, by: caller.subject, at: at.toISOString() };
	return ok({ ...record, transfer });
}

/** The offer to a caller, if it is still valid. */
export function offerTo(
	{ transfer }: Pick<AccessRecord, 'transfer'>,
	{ subject }: Pick<Caller, 'subject'>,
	at: Date,
): Transfer | undefined {
	const valid = transfer?.to === subject && at.getTime() - Date.parse(transfer.at) < OFFER_TIME;
	return valid ? transfer : undefined;
}

/**
 * Makes the recipient the owner and a manager. Members of another organization lose their access, because
 * they belong to that one.
 *
 * @param adminOf true for a caller with a role in that organization
 */
export function acceptTransfer(
	record: AccessRecord,
	{ caller, at }: ChangeContext,
	adminOf: (org: string) => boolean,
): Change {
	const offer = offerTo(record, caller, at);
	if (offer === undefined) return refuse(403, NO_OFFER);
	if (offer.org !== record.org && !adminOf(offer.org))
		return refuse(403, 'accepting it for another organization needs the role org_owner or org_admin there');
	const { transfer: _, ...rest } = record;
	const kept = offer.org === record.org ? record.members : [];
	const manager: Member = { member: caller.subject, role: 'manager', by: offer.by, at: at.toISOString() };
	const members = [...kept.filter(({ member }) => member !== caller.subject), manager];
	return ok({ ...rest, org: offer.org, owner: caller.subject, members });
}

/** Withdraws an offer, or declines it. */
export function endTransfer(record: AccessRecord): Change {
	const { transfer, ...rest } = record;
	return transfer === undefined ? refuse(404, NO_OFFER) : ok(rest);
}
