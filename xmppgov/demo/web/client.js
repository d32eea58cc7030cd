// The web client: Converse.js 14 with encryption on by default and nothing from outside.
// `settings.json` beside this page names the domain; everything else is the same everywhere.

import converse from './converse/converse.min.js';

const { domain, muc } = await (await fetch('settings.json')).json();
const { protocol, host, origin } = location;
const language = new URLSearchParams(location.search).get('lang') ?? 'fr';
document.documentElement.lang = language;

// An encrypted file's link (XEP-0454) means https, which a demo on loopback does not speak.
const { fetch: ask } = window;
window.fetch = (what, ...more) => ask(
    protocol === 'http:' && typeof what === 'string' && what.startsWith(`https://${host}/`)
        ? what.replace('https:', 'http:') : what,
    ...more,
);

const words = {
    fr: { lead: 'Messagerie des administrations, chiffrée de bout en bout', client: 'Client web' },
    en: { lead: 'The messenger of public administrations, end-to-end encrypted', client: 'Web client' },
}[language] ?? {};

// Converse keeps an element that the page has already defined: here its brand, its menu of links to
// elsewhere and its footer, whose pictures come from other sites.
function define(name, html = '') {
    customElements.define(name, class extends HTMLElement {
        connectedCallback() { this.innerHTML = html; }
    });
}
define('converse-brand-logo', `<h1 class="brand"><img src="icon.svg" alt=""> xmppgov</h1><p class="lead">${words.lead ?? ''}</p>`);
define('converse-controlbox-navbar');
define('converse-footer', `<p class="credit">${words.client ?? ''} : Converse.js</p>`);

// Converse listens for pushed bookmarks but asks the server only for the old kind (XEP-0048); a room
// that the administration assigns during a session comes as XEP-0402.
converse.plugins.add('xmppgov-bookmarks', {
    dependencies: ['converse-bookmarks'],
    initialize() {
        const { api } = this._converse;
        api.listen.on('addClientFeatures', () => api.disco.own.features.add('urn:xmpp:bookmarks:1+notify'));
    },
});

// A first message reaches a new conversation twice, live and from the server's archive, and can be
// decrypted only once: Converse would show the copy that it cannot read, or spoil the session by
// decrypting both at the same time. So one at a time, and what was read is not decrypted again.
const read = new Map(); // ciphertext -> plaintext, of this page's last messages
const MOST_READ = 500;

async function decryptOnce(decrypt, stanza, attrs, ...more) {
    const payloads = Array.from(stanza.querySelectorAll('encrypted > payload'), (p) => p.textContent);
    const ciphertext = payloads.join();
    if (read.has(ciphertext)) return { ...attrs, plaintext: read.get(ciphertext) };
    const result = await decrypt(stanza, attrs, ...more);
    if (ciphertext && result.plaintext) read.set(ciphertext, result.plaintext);
    if (read.size > MOST_READ) read.delete(read.keys().next().value);
    return result;
}

converse.plugins.add('xmppgov-once', {
    dependencies: ['converse-omemo'],
    initialize() {
        let last = Promise.resolve();
        const events = ['parseMessage', 'parseMUCMessage'].flatMap((n) => this._converse._events[n] ?? []);
        for (const event of events) {
            const decrypt = event.callback;
            event.callback = (...all) => (last = last.catch(() => {}).then(() => decryptOnce(decrypt, ...all)));
        }
    },
});

// Converse finds an occupant by an id that the member list does not give; without the address, a member
// who was listed before entering is listed twice.
converse.plugins.add('xmppgov-occupants', {
    dependencies: ['converse-muc'],
    initialize() {
        const occupants = this._converse.exports.MUCOccupants.prototype;
        const find = occupants.findOccupant;
        occupants.findOccupant = function (data) {
            const jid = data.jid?.split('/')[0];
            return find.call(this, data) ?? (jid ? this.findWhere({ jid }) : undefined);
        };
    },
});

// The server answers in the language that a stream names, and Converse names none.
converse.plugins.add('xmppgov-language', {
    initialize() {
        const { api } = this._converse;
        api.listen.on('connectionInitialized', () => {
            const stream = api.connection.get()._proto;
            const open = stream._buildStream.bind(stream);
            stream._buildStream = () => open().attrs({ 'xml:lang': language });
        });
    },
});

// After logging out Converse shows the same form again, password and all, and its first submission does
// nothing: so the page begins anew.
converse.plugins.add('xmppgov-logout', {
    initialize() {
        this._converse.api.listen.on('logout', () => location.reload());
    },
});

converse.initialize({
    // How to reach the server: this page's own, and nobody else's.
    websocket_url: `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/xmpp-websocket`,
    discover_connection_methods: false,
    default_domain: domain,
    muc_domain: muc,
    allow_registration: false,
    assets_path: `${origin}/converse/`,

    // Encryption: on in every conversation, and possible at every login.
    omemo_default: true,
    allow_user_trust_override: true, // shows the box, checked; without it OMEMO stays off
    clear_cache_on_logout: false,

    // Rooms come from the administration: its bookmarks and invitations are obeyed.
    allow_bookmarks: true,
    muc_respect_autojoin: true,
    auto_join_on_invite: true,
    auto_register_muc_nickname: false,
    muc_show_info_messages: [],
    // A device cannot decrypt from the archive what it wrote itself: the page keeps what it has shown.
    muc_clear_messages_on_leave: false,

    // What it looks like.
    i18n: language,
    view_mode: 'fullscreen',
    theme: 'classic',
    dark_theme: 'classic',
    show_self_in_roster: false,
    play_sounds: false,
    show_desktop_notifications: false,
    embed_3rd_party_media_players: false,
    render_media: false,
    allow_non_roster_messaging: true,
    loglevel: 'warn',
    whitelisted_plugins: [
        'xmppgov-bookmarks', 'xmppgov-language', 'xmppgov-logout', 'xmppgov-occupants', 'xmppgov-once',
    ],
});
