import { useState } from 'preact/hooks';
import { useApp } from '../lib/context.ts';
import { useLoad } from '../lib/load.ts';
import { useChange } from '../lib/use-change.ts';
import { Confirm } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { Problem, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { When, Who } from '../parts/when.tsx';
import { WhyNot } from '../parts/why-not.tsx';
import { canRead, type Members, memberOf, memberText, ROLES } from '../state/members.ts';
import type { Deployment } from '../state/types.ts';
import { DeploymentHead } from './tabs.tsx';

/** Who has access to a deployment, and why. */
export function MembersView({ name }: { readonly name: string }) {
	const path = `/api/deployments/${encodeURIComponent(name)}`;
	const loaded = useLoad<Members>(`${path}/members`);
	const own = useLoad<Deployment>(path);
	const { me } = useApp();
	const { problem, change: send } = useChange();
	const [removing, setRemoving] = useState<string>();
	const manages = own.value !== undefined && /^(?:manager|org_)/.test(own.value.role);
	const change = async (method: string, body: object): Promise<boolean> => {
		const answer = await send(method, `${path}/members`, body);
		if (answer.ok) await loaded.reload();
		return answer.ok;
	};
	return (
		<>
			<DeploymentHead name={name} tab="members" />
			{loaded.failure?.status === 403 && <WhyNot deployment={name} />}
			{own.value && (
				<div class="note">
					<p>
						You are <code>{me.subject}</code>, and {own.value.role.replace('_', ' ')} here
						{own.value.role.startsWith('org_') ? `, because of your role in ${own.value.org}` : ''}.
					</p>
				</div>
			)}
			<Problem text={problem} />
			<Shown loaded={loaded} what="members">
				{({ members, org }) => (
					<Table heads={['Member', 'Role', 'Can read values', 'Added', manages && 'Action']}>
						{members.map((one) => (
							<tr key={one.member}>
								<th scope="row" title={one.member}>
									{memberText(one.member)}
								</th>
								<td data-label="Role">
									{manages ? (
										<select
											aria-label={`Role of ${memberText(one.member)}`}
											value={one.role}
											onChange={(event) =>
												void change('PUT', { member: one.member, role: event.currentTarget.value })
											}
										>
											{ROLES.map(([role]) => (
												<option key={role}>{role}</option>
											))}
										</select>
									) : (
										one.role
									)}
								</td>
								<td data-label="Can read values">{canRead(one) ? 'yes, by the Reveal program' : 'no'}</td>
								<td data-label="Added">
									<When time={one.at} /> by <Who subject={one.by} />
								</td>
								{manages && (
									<td data-label="Action">
										<button type="button" class="button small" onClick={() => setRemoving(one.member)}>
											Remove<span class="visually-hidden"> {memberText(one.member)}</span>
										</button>
									</td>
								)}
							</tr>
						))}
						<tr>
							<th scope="row">Admins of {org}</th>
							<td data-label="Role">org admin</td>
							<td data-label="Can read values">with an elevation</td>
							<td data-label="Added">by the issuer of their sessions</td>
							{manages && <td data-label="Action">–</td>}
						</tr>
					</Table>
				)}
			</Shown>
			{manages && <AddMember onAdd={(member, role) => change('POST', { member, role })} />}
			<section class="card">
				<h2>What each role may do</h2>
				<dl class="roles">
					{ROLES.map(([role, text]) => (
						<div key={role}>
							<dt>{role}</dt>
							<dd>{text}</dd>
						</div>
					))}
				</dl>
			</section>
			{removing && (
				<Confirm
					title={`Remove ${memberText(removing)}?`}
					yes="Remove"
					no="Cancel"
					danger
					onAnswer={(yes) => {
						setRemoving(undefined);
						if (yes) void change('DELETE', { member: removing });
					}}
				>
					<p>Their next call is refused. Pods keep what they have.</p>
				</Confirm>
			)}
		</>
	);
}

function AddMember({ onAdd }: { readonly onAdd: (member: string, role: string) => Promise<boolean> }) {
	const [text, setText] = useState('');
	const [role, setRole] = useState('developer');
	const [error, setError] = useState('');
	const add = async (): Promise<void> => {
		const member = memberOf(text);
		if (!member.ok) return setError(member.error);
		setError('');
		if (await onAdd(member.value, role)) setText('');
	};
	return (
		<form
			class="card row wrap end"
			onSubmit={(event) => {
				event.preventDefault();
				void add();
			}}
		>
			<Field
				label="Add a member"
				hint="A subject, an e-mail address, group:NAME, or kubernetes:NAME."
				error={error}
			>
				<input value={text} autocomplete="off" onInput={(event) => setText(event.currentTarget.value)} />
			</Field>
			<Field label="Role">
				<select value={role} onChange={(event) => setRole(event.currentTarget.value)}>
					{ROLES.map(([one]) => (
						<option key={one}>{one}</option>
					))}
				</select>
			</Field>
			<button type="submit" class="button primary">
				Add
			</button>
		</form>
	);
}
