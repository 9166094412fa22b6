import type { ListedSecret } from '../state/types.ts';
import { Link } from './link.tsx';
import { Table } from './table.tsx';
import { Tags, When } from './when.tsx';

/** Secrets of several places. */
export function SecretTable(props: {
	readonly secrets: readonly ListedSecret[];
	readonly expiring?: boolean;
	readonly onUndelete?: (secret: ListedSecret) => void;
}) {
	const { secrets, expiring, onUndelete } = props;
	return (
		<Table
			heads={[
				'Key',
				'Where',
				expiring ? 'Ends' : 'Description',
				'Tags',
				onUndelete !== undefined && 'Action',
			]}
		>
			{secrets.map((secret) => (
				<tr key={secret.id}>
					<th scope="row">
						<KeyLink secret={secret} />
					</th>
					<td data-label="Where">{whereOf(secret)}</td>
					<td data-label={expiring ? 'Ends' : 'Description'}>
						{expiring ? <When time={secret.expiresAt ?? ''} /> : secret.description || '–'}
					</td>
					<td data-label="Tags">
						<Tags tags={secret.tags} />
					</td>
					{onUndelete && (
						<td data-label="Action">
							<button type="button" class="button small" onClick={() => onUndelete(secret)}>
								Undelete<span class="visually-hidden"> {secret.key}</span>
							</button>
						</td>
					)}
				</tr>
			))}
		</Table>
	);
}

function KeyLink({ secret }: { readonly secret: ListedSecret }) {
	const { key, deploymentName, serviceName } = secret;
	if (!deploymentName || deploymentName.startsWith('template:')) return <>{key}</>;
	const query = serviceName ? { tier: 'service', service: serviceName } : { tier: 'deployment' };
	return (
		<Link to={['deployments', deploymentName, 'keys', key]} query={query}>
			{key}
		</Link>
	);
}

function whereOf({ deploymentName, serviceName }: ListedSecret): string {
	if (deploymentName === undefined) return 'the organization';
	if (deploymentName === '') return 'yours alone';
	const place = deploymentName.replace(/^template:/, 'template ');
	return serviceName ? `${place} / ${serviceName}` : place;
}
