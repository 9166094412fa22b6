import { useState } from 'preact/hooks';
import { useLoad } from '../lib/load.ts';
import { useChange } from '../lib/use-change.ts';
import { Confirm } from '../parts/dialog.tsx';
import { Empty, Problem, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { When } from '../parts/when.tsx';
import type { ApiKey } from '../state/api-keys.ts';
import { NewKey } from './new-key.tsx';

/** The API keys of the person, for pipelines. */
export function KeysView() {
	const loaded = useLoad<readonly ApiKey[]>('/api/keys');
	const [creating, setCreating] = useState(false);
	const [deleting, setDeleting] = useState<ApiKey>();
	const { problem, change } = useChange();
	const remove = async (id: string): Promise<void> => {
		await change('DELETE', '/api/keys', { id });
		await loaded.reload();
	};
	return (
		<>
			<div class="page-head">
				<h1>API keys</h1>
				<button type="button" class="button primary" onClick={() => setCreating(true)}>
					New API key
				</button>
			</div>
			<p class="hint">A key acts for you, for example in a pipeline. No key can read values.</p>
			<Problem text={problem} />
			<Shown loaded={loaded} what="keys">
				{(keys) =>
					keys.length === 0 ? (
						<Empty title="You have no API keys" />
					) : (
						<Table heads={['Name', 'May', 'Created', 'Ends', 'Action']}>
							{keys.map((key) => (
								<tr key={key.id}>
									<th scope="row">{key.name}</th>
									<td data-label="May">{[...key.scopes, ...key.roles].join(', ')}</td>
									<td data-label="Created">
										<When time={key.createdAt} />
									</td>
									<td data-label="Ends">
										<When time={key.expiresAt} />
									</td>
									<td data-label="Action">
										<button type="button" class="button small danger" onClick={() => setDeleting(key)}>
											Delete<span class="visually-hidden"> {key.name}</span>
										</button>
									</td>
								</tr>
							))}
						</Table>
					)
				}
			</Shown>
			{creating && <NewKey onClose={() => setCreating(false)} onCreated={() => void loaded.reload()} />}
			{deleting && (
				<Confirm
					title={`Delete the key ${deleting.name}?`}
					yes="Delete"
					no="Cancel"
					danger
					onAnswer={(yes) => {
						setDeleting(undefined);
						if (yes) void remove(deleting.id);
					}}
				>
					<p>Whatever uses it is refused from the next call on.</p>
				</Confirm>
			)}
		</>
	);
}
