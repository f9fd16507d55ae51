// A session of imapflow as a mail program would have it. Arguments: a JSON object {modules, host, port, secure, user, pass}; the account
// holds what imap_mail.py puts into it. What was seen is printed as one JSON object; the test judges.
'use strict';

const options = JSON.parse(process.argv[2]);
const { ImapFlow } = require(options.modules + '/node_modules/imapflow');

const connect = () => new ImapFlow({
    host: options.host, port: options.port, secure: options.secure, tls: { rejectUnauthorized: false },
    auth: { user: options.user, pass: options.pass }, logger: false, clientInfo: { name: 'imapflow-test', version: '1' },
});

const sorted = set => [...set].map(flag => flag.toLowerCase()).filter(flag => flag !== '\\recent').sort();

async function read(stream) {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks).toString('latin1');
}

async function folders(client, seen) {
    seen.list = (await client.list({ statusQuery: { messages: true, unseen: true } })).map(folder => ({
        path: folder.path, use: folder.specialUse || null, subscribed: folder.subscribed, delimiter: folder.delimiter,
        messages: folder.status && folder.status.messages }));
    seen.created = await client.mailboxCreate(['Neu', 'Über & unter', '日本 🎉']);
    seen.again = await client.mailboxCreate('Neu/Über & unter/日本 🎉').catch(error => ({ error: error.responseText }));
    seen.renamed = await client.mailboxRename('Neu/Über & unter', 'Neu/Anders');
    seen.status = await client.status('Projekte/2026/Köln & Bonn', { messages: true, unseen: true, uidNext: true, uidValidity: true });
    await client.mailboxSubscribe('Neu/Anders/日本 🎉');
    seen.tree = (await client.list()).map(folder => folder.path).filter(path => path.startsWith('Neu/'));
    await client.mailboxUnsubscribe('Neu/Anders/日本 🎉');
    seen.deleted = await client.mailboxDelete('Neu/Anders/日本 🎉');
    seen.quota = await client.getQuota('INBOX');
}

async function messages(client, seen) {
    const lock = await client.getMailboxLock('INBOX');
    try {
        seen.mailbox = { exists: client.mailbox.exists, path: client.mailbox.path, uidNext: client.mailbox.uidNext };
        seen.fetched = [];
        const query = { uid: true, flags: true, envelope: true, bodyStructure: true, internalDate: true, size: true, source: true,
            headers: ['subject', 'message-id'] };
        for await (const message of client.fetch('1:*', query))
            seen.fetched.push({ uid: message.uid, flags: sorted(message.flags), subject: message.envelope.subject,
                from: message.envelope.from[0].address, date: message.internalDate.toISOString(), size: message.size,
                type: message.bodyStructure.type, parts: (message.bodyStructure.childNodes || []).map(node => node.type),
                source: message.source.toString('latin1'), headers: message.headers.toString('latin1') });
        const { content, meta } = await client.download('5', '2', { uid: true });
        seen.download = { text: await read(content), name: meta.filename, type: meta.contentType };
        seen.many = Object.fromEntries(Object.entries(await client.downloadMany('5', ['1', '2'], { uid: true }))
            .map(([part, value]) => [part, value.content ? value.content.length : null]));
        seen.search = {
            unseen: await client.search({ seen: false }, { uid: true }),
            keyword: await client.search({ keyword: '$Forwarded' }, { uid: true }),
            body: await client.search({ body: '你好' }, { uid: true }),
            header: await client.search({ header: { 'message-id': '<fresh@elsewhere.example>' } }, { uid: true }),
            either: await client.search({ or: [{ flagged: true }, { since: '2026-01-01' }] }, { uid: true }),
        };
        await client.messageFlagsAdd('1', ['\\Flagged', '$Phishing'], { uid: true });
        await client.messageFlagsRemove('3', ['\\Flagged'], { uid: true });
        await client.messageFlagsSet('2', ['\\Draft'], { uid: true });
        seen.copied = await client.messageCopy('1:2', 'Entwürfe', { uid: true });
        seen.moved = await client.messageMove('5', '日本語', { uid: true });
        seen.expunged = [];
        client.on('expunge', event => seen.expunged.push(event.seq ?? event.uid));
        seen.removed = await client.messageDelete('4', { uid: true });
        client.removeAllListeners('expunge');
        seen.after = [];
        for await (const message of client.fetch('1:*', { uid: true, flags: true }))
            seen.after.push([message.uid, sorted(message.flags)]);
        for (const uids of [seen.copied, seen.moved])
            if (uids && uids.uidMap) uids.uidMap = [...uids.uidMap];
    } finally {
        lock.release();
    }
    const appended = await client.append('Entwürfe', options.message, ['\\Seen', 'Work'], new Date('2023-11-14T22:13:20Z'));
    seen.appended = { uid: appended.uid, seq: appended.seq };
    seen.refused = await client.append('Nowhere', options.message).catch(error => ({ code: error.serverResponseCode }));
}

// One connection in IDLE sees what the other does.
async function idle(client, seen) {
    const other = connect();
    await other.connect();
    await other.mailboxOpen('Archive');
    const events = { exists: 0, flags: 0, expunge: 0 };
    const next = name => new Promise(resolve => other.once(name, event => { events[name] += 1; resolve(event); }));
    const idling = other.idle();
    let event = next('exists');
    await client.append('Archive', options.message);
    seen.exists = (await event).count;
    await client.mailboxOpen('Archive');
    event = next('flags');
    await client.messageFlagsAdd('1', ['\\Answered']);
    seen.flags = sorted((await event).flags);
    event = next('expunge');
    await client.messageDelete('1');
    await event;
    seen.events = events;
    await other.noop();
    await idling;
    await other.logout();
}

async function main() {
    const seen = { folders: {}, messages: {}, idle: {} };
    const client = connect();
    await client.connect();
    seen.capabilities = [...client.capabilities.keys()];
    seen.enabled = [...client.enabled];
    seen.id = client.serverInfo;
    seen.secure = client.secureConnection;
    await folders(client, seen.folders);
    await messages(client, seen.messages);
    await idle(client, seen.idle);
    await client.logout();
    const wrong = new ImapFlow({ host: options.host, port: options.port, secure: options.secure, tls: { rejectUnauthorized: false },
        auth: { user: options.user, pass: 'wrong' }, logger: false });
    wrong.on('error', () => {});
    seen.refused = await wrong.connect().then(() => false, error => error.authenticationFailed === true);
    process.stdout.write(JSON.stringify(seen, (_, value) => typeof value === 'bigint' ? Number(value) : value) + '\n',
        () => process.exit(0)); // the refused connection keeps a timer
}

setTimeout(() => { process.stderr.write('not done after 60 seconds\n'); process.exit(3); }, 60000).unref();
main().catch(error => { process.stderr.write(`${error.stack}\n${error.responseText || ''}\n`); process.exit(1); });
