/* A stock client without a window: libpurple with its own Novell plugin, or with SIPE, driven by lines and telling what happens in
 * lines of JSON. It knows nothing of Bramble.
 *
 *   purple_client FOLDER [PLUGIN]      FOLDER takes libpurple's files; PLUGIN is prpl-novell or prpl-sipe [prpl-novell]
 *
 *   connect USER PASSWORD HOST PORT (SIPE: connect ADDRESS tcp|tls HOST PORT) | send WHO TEXT | typing WHO 0|1 | status ID [TEXT] | idle 0|1
 *   buddies | add WHO GROUP | rename WHO NAME | move WHO GROUP | remove WHO | block WHO | unblock WHO | close WHO | info WHO | room WHO
 *   invite WHO | say TEXT | leave | answer yes|no | disconnect | quit
 *
 * room starts one with WHO; invite, say and leave speak of the last room; answer is what invitations are answered from then on
 * [yes]. In TEXT, \n is a line end. */
#include <purple.h>
#include <glib.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define UI "bramble-test"

static const char *plugin = "prpl-novell";
static PurpleAccount *account;
static GMainLoop *loop;
static gboolean joins = TRUE;
static PurpleConversation *room;

/* --- output ---------------------------------------------------------------------------------------------------------------- */

static void print_text(const char *text)
{
	putchar('"');
	for (const unsigned char *c = (const unsigned char *)(text ? text : ""); *c; c++) {
		if (*c == '"' || *c == '\\')
			printf("\\%c", *c);
		else if (*c < 0x20)
			printf("\\u%04x", *c);
		else
			putchar(*c);
	}
	putchar('"');
}

/* One event: its name, then pairs of name and text up to NULL. */
static void tell(const char *event, ...)
{
	const char *name;
	va_list args;

	printf("{\"event\": ");
	print_text(event);
	va_start(args, event);
	while ((name = va_arg(args, const char *))) {
		printf(", ");
		print_text(name);
		printf(": ");
		print_text(va_arg(args, const char *));
	}
	va_end(args);
	printf("}\n");
	fflush(stdout);
}

/* What the plugin hands over is markup. */
static char *plain(const char *markup)
{
	return purple_markup_strip_html(markup);
}

/* --- libpurple's event loop on GLib's ---------------------------------------------------------------------------------------- */

struct watch {
	PurpleInputFunction fn;
	gpointer data;
};

static gboolean on_ready(GIOChannel *channel, GIOCondition condition, gpointer arg)
{
	struct watch *watch = arg;
	int ready = 0;

	if (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR))
		ready |= PURPLE_INPUT_READ;
	if (condition & (G_IO_OUT | G_IO_HUP | G_IO_ERR | G_IO_NVAL))
		ready |= PURPLE_INPUT_WRITE;
	watch->fn(watch->data, g_io_channel_unix_get_fd(channel), (PurpleInputCondition)ready);
	return TRUE;
}

static guint input_add(int fd, PurpleInputCondition wants, PurpleInputFunction fn, gpointer data)
{
	struct watch *watch = g_new0(struct watch, 1);
	GIOChannel *channel = g_io_channel_unix_new(fd);
	int condition = 0;
	guint id;

	watch->fn = fn;
	watch->data = data;
	if (wants & PURPLE_INPUT_READ)
		condition |= G_IO_IN | G_IO_HUP | G_IO_ERR;
	if (wants & PURPLE_INPUT_WRITE)
		condition |= G_IO_OUT | G_IO_HUP | G_IO_ERR | G_IO_NVAL;
	id = g_io_add_watch_full(channel, G_PRIORITY_DEFAULT, (GIOCondition)condition, on_ready, watch, g_free);
	g_io_channel_unref(channel);
	return id;
}

static PurpleEventLoopUiOps loop_ops = {
	.timeout_add = g_timeout_add,
	.timeout_remove = g_source_remove,
	.input_add = input_add,
	.input_remove = g_source_remove,
	.timeout_add_seconds = g_timeout_add_seconds,
};

/* --- questions and notices ------------------------------------------------------------------------------------------------------ */

/* A self-signed certificate is asked about once; it is accepted. An invitation is answered as we were told. */
static void *request_action(const char *title, const char *primary, const char *secondary, int default_action, PurpleAccount *a,
	const char *who, PurpleConversation *conv, void *data, size_t count, va_list actions)
{
	(void)title, (void)secondary, (void)default_action, (void)a, (void)who, (void)conv;
	for (size_t i = 0; i < count; i++) {
		const char *label = va_arg(actions, const char *);
		PurpleRequestActionCb fn = va_arg(actions, PurpleRequestActionCb);

		if (strstr(label, "ccept") || strcmp(label, joins ? "Yes" : "No") == 0) {
			tell("question", "text", primary, "answer", label, NULL);
			fn(data, (int)i);
			return NULL;
		}
	}
	tell("question", "text", primary, "answer", "", NULL);
	return NULL;
}

static PurpleRequestUiOps request_ops = { .request_action = request_action };

static void *notify_message(PurpleNotifyMsgType type, const char *title, const char *primary, const char *secondary)
{
	(void)type, (void)title;
	tell("notice", "text", primary, "more", secondary, NULL);
	return NULL;
}

static void *notify_userinfo(PurpleConnection *gc, const char *who, PurpleNotifyUserInfo *info)
{
	char *markup = purple_notify_user_info_get_text_with_newline(info, "\n"), *text = plain(markup);

	(void)gc;
	tell("info", "who", who, "text", text, NULL);
	g_free(text);
	g_free(markup);
	return NULL;
}

static PurpleNotifyUiOps notify_ops = { .notify_message = notify_message, .notify_userinfo = notify_userinfo };

static void report_disconnect(PurpleConnection *gc, PurpleConnectionError reason, const char *text)
{
	char number[16];

	(void)gc;
	g_snprintf(number, sizeof number, "%d", reason);
	tell("disconnected", "reason", number, "text", text, NULL);
}

static PurpleConnectionUiOps connection_ops = { .report_disconnect_reason = report_disconnect };

/* What the plugin writes into a conversation by itself, such as "appears to be offline". */
static void write_conversation(PurpleConversation *conv, const char *name, const char *alias, const char *message,
	PurpleMessageFlags flags, time_t when)
{
	char *text;

	(void)name, (void)alias, (void)when;
	if (!(flags & (PURPLE_MESSAGE_SYSTEM | PURPLE_MESSAGE_ERROR)))
		return;
	text = plain(message);
	tell("written", "conversation", purple_conversation_get_name(conv), "text", text, NULL);
	g_free(text);
}

static PurpleConversationUiOps conversation_ops = { .write_conv = write_conversation };

/* --- signals ----------------------------------------------------------------------------------------------------------------------- */

static void on_signed_on(PurpleConnection *gc, gpointer unused)
{
	(void)gc, (void)unused;
	tell("signed-on", "as", purple_account_get_username(account), "name", purple_connection_get_display_name(gc), NULL);
}

static void on_signed_off(PurpleConnection *gc, gpointer unused)
{
	(void)gc, (void)unused;
	tell("signed-off", NULL);
}

static void on_im(PurpleAccount *a, char *sender, char *message, PurpleConversation *conv, PurpleMessageFlags flags, gpointer unused)
{
	char *text = plain(message);

	(void)a, (void)conv, (void)unused;
	tell("im", "from", sender, "text", text, "markup", message, "auto", flags & PURPLE_MESSAGE_AUTO_RESP ? "1" : "0", NULL);
	g_free(text);
}

static void on_typing(PurpleAccount *a, const char *who, gpointer state)
{
	(void)a;
	tell("typing", "from", who, "state", (const char *)state, NULL);
}

static const char *status_text(PurpleStatus *status)
{
	const char *text = purple_status_get_attr_string(status, "message");

	return text ? text : "";
}

static void on_status(PurpleBuddy *buddy, PurpleStatus *before, PurpleStatus *now, gpointer unused)
{
	(void)before, (void)unused;
	tell("presence", "who", purple_buddy_get_name(buddy), "status", purple_status_get_id(now), "text", status_text(now), NULL);
}

static void on_idle(PurpleBuddy *buddy, gint before, gint now, gpointer unused)
{
	(void)before, (void)unused;
	tell("idle", "who", purple_buddy_get_name(buddy), "on", now ? "1" : "0", NULL);
}

static void on_buddy(PurpleBuddy *buddy, gpointer unused)
{
	(void)unused;
	on_status(buddy, NULL, purple_presence_get_active_status(purple_buddy_get_presence(buddy)), NULL);
}

static void on_room(PurpleConversation *conv, gpointer unused)
{
	(void)unused;
	room = conv;
	tell("room", NULL);
}

static void on_room_gone(PurpleConversation *conv, gpointer unused)
{
	(void)unused;
	if (room == conv)
		room = NULL;
}

static void on_room_text(PurpleAccount *a, char *sender, char *message, PurpleConversation *conv, PurpleMessageFlags flags,
	gpointer unused)
{
	char *text = plain(message);

	(void)a, (void)conv, (void)unused;
	/* What we say ourselves is echoed by the plugin. */
	if (!(flags & PURPLE_MESSAGE_SEND))
		tell("room-text", "from", sender, "text", text, NULL);
	g_free(text);
}

static void on_room_joined(PurpleConversation *conv, const char *who, PurpleConvChatBuddyFlags flags, gboolean new_arrival,
	gpointer unused)
{
	(void)conv, (void)flags, (void)unused;
	tell("room-joined", "who", who, "new", new_arrival ? "1" : "0", NULL);
}

static void on_room_left(PurpleConversation *conv, const char *who, const char *reason, gpointer unused)
{
	(void)conv, (void)reason, (void)unused;
	tell("room-left", "who", who, NULL);
}

static void listen_to_signals(void)
{
	static int handle;
	void *connections = purple_connections_get_handle(), *conversations = purple_conversations_get_handle();

	purple_signal_connect(connections, "signed-on", &handle, PURPLE_CALLBACK(on_signed_on), NULL);
	purple_signal_connect(connections, "signed-off", &handle, PURPLE_CALLBACK(on_signed_off), NULL);
	purple_signal_connect(conversations, "received-im-msg", &handle, PURPLE_CALLBACK(on_im), NULL);
	purple_signal_connect(conversations, "buddy-typing", &handle, PURPLE_CALLBACK(on_typing), (gpointer) "1");
	purple_signal_connect(conversations, "buddy-typing-stopped", &handle, PURPLE_CALLBACK(on_typing), (gpointer) "0");
	purple_signal_connect(conversations, "chat-joined", &handle, PURPLE_CALLBACK(on_room), NULL);
	purple_signal_connect(conversations, "deleting-conversation", &handle, PURPLE_CALLBACK(on_room_gone), NULL);
	purple_signal_connect(conversations, "received-chat-msg", &handle, PURPLE_CALLBACK(on_room_text), NULL);
	purple_signal_connect(conversations, "chat-buddy-joined", &handle, PURPLE_CALLBACK(on_room_joined), NULL);
	purple_signal_connect(conversations, "chat-buddy-left", &handle, PURPLE_CALLBACK(on_room_left), NULL);
	purple_signal_connect(purple_blist_get_handle(), "buddy-status-changed", &handle, PURPLE_CALLBACK(on_status), NULL);
	purple_signal_connect(purple_blist_get_handle(), "buddy-idle-changed", &handle, PURPLE_CALLBACK(on_idle), NULL);
	purple_signal_connect(purple_blist_get_handle(), "buddy-signed-on", &handle, PURPLE_CALLBACK(on_buddy), NULL);
	purple_signal_connect(purple_blist_get_handle(), "buddy-signed-off", &handle, PURPLE_CALLBACK(on_buddy), NULL);
}

/* --- commands ------------------------------------------------------------------------------------------------------------------------ */

static void do_connect(const char *user, const char *password, const char *host, const char *port)
{
	account = purple_account_new(user, plugin);
	if (strcmp(plugin, "prpl-sipe") == 0) {
		char *server = g_strdup_printf("%s:%s", host, port);

		purple_account_set_string(account, "server", server);
		g_free(server);
		purple_account_set_password(account, "not asked for");
		purple_account_set_string(account, "transport", password);
		purple_account_set_bool(account, "dont-publish", TRUE);
	} else {
		purple_account_set_string(account, "server", host);
		purple_account_set_password(account, password);
		purple_account_set_int(account, "port", (int)g_ascii_strtoll(port, NULL, 10));
	}
	purple_accounts_add(account);
	purple_account_set_enabled(account, UI, TRUE);
	purple_savedstatus_activate(purple_savedstatus_new(NULL, PURPLE_STATUS_AVAILABLE));
}

/* What a person typed, as the markup that libpurple's windows make of it. The caller frees it. */
static char *typed(const char *text)
{
	char *copy = g_strcompress(text), *escaped = g_markup_escape_text(copy, -1);
	char **lines = g_strsplit(escaped, "\n", -1), *markup = g_strjoinv("<br>", lines);

	g_strfreev(lines);
	g_free(escaped);
	g_free(copy);
	return markup;
}

static void do_send(const char *who, const char *text)
{
	PurpleConversation *conv = purple_find_conversation_with_account(PURPLE_CONV_TYPE_IM, who, account);
	char *markup = typed(text);

	if (!conv)
		conv = purple_conversation_new(PURPLE_CONV_TYPE_IM, account, who);
	purple_conv_im_send(PURPLE_CONV_IM(conv), markup);
	g_free(markup);
}

static void do_say(const char *text)
{
	char *markup = typed(text);

	purple_conv_chat_send(PURPLE_CONV_CHAT(room), markup);
	g_free(markup);
}

/* As a person does it: by the plugin's entry in the contact's menu. */
static void do_room(const char *who)
{
	PurpleBuddy *buddy = purple_find_buddy(account, who);
	PurplePluginProtocolInfo *info = PURPLE_PLUGIN_PROTOCOL_INFO(purple_connection_get_prpl(purple_account_get_connection(account)));
	GList *menu = buddy ? info->blist_node_menu((PurpleBlistNode *)buddy) : NULL;

	for (GList *at = menu; at; at = at->next) {
		PurpleMenuAction *action = at->data;

		if (action && (strstr(action->label, "Chat") || strstr(action->label, "New chat"))) {
			((void (*)(PurpleBlistNode *, gpointer))action->callback)((PurpleBlistNode *)buddy, action->data);
			g_list_free(menu);
			return;
		}
	}
	g_list_free(menu);
	tell("usage", "line", "no chat with this one", NULL);
}

static void do_close(const char *who)
{
	PurpleConversation *conv = purple_find_conversation_with_account(PURPLE_CONV_TYPE_IM, who, account);

	if (conv)
		purple_conversation_destroy(conv);
}

static void do_buddies(void)
{
	GSList *buddies = purple_find_buddies(account, NULL);

	for (GSList *at = buddies; at; at = at->next) {
		PurpleBuddy *buddy = at->data;
		PurpleStatus *status = purple_presence_get_active_status(purple_buddy_get_presence(buddy));

		tell("buddy", "who", purple_buddy_get_name(buddy), "name", purple_buddy_get_alias(buddy), "group",
			purple_group_get_name(purple_buddy_get_group(buddy)), "status", purple_status_get_id(status), "text",
			status_text(status), NULL);
	}
	g_slist_free(buddies);
	tell("buddies-end", NULL);
}

static PurpleGroup *group_called(const char *name)
{
	PurpleGroup *group = purple_find_group(name);

	if (!group) {
		group = purple_group_new(name);
		purple_blist_add_group(group, NULL);
	}
	return group;
}

/* As its window does it: the server is told by libpurple. */
static void do_list(const char *verb, const char *who, const char *what)
{
	PurpleBuddy *buddy = purple_find_buddy(account, who);

	if (!buddy) {
		tell("usage", "line", who, NULL);
	} else if (strcmp(verb, "rename") == 0) {
		purple_blist_alias_buddy(buddy, what);
		serv_alias_buddy(buddy);
	} else if (strcmp(verb, "move") == 0) {
		purple_blist_add_buddy(buddy, NULL, group_called(what), NULL);
	} else {
		purple_account_remove_buddy(account, buddy, purple_buddy_get_group(buddy));
		purple_blist_remove_buddy(buddy);
	}
}

static void do_add(const char *who, const char *group_name)
{
	PurpleBuddy *buddy = purple_buddy_new(account, who, NULL);

	purple_blist_add_buddy(buddy, NULL, group_called(group_name), NULL);
	purple_account_add_buddy(account, buddy);
}

static void do_remove(const char *who)
{
	PurpleBuddy *buddy = purple_find_buddy(account, who);

	if (!buddy)
		return;
	purple_account_remove_buddy(account, buddy, purple_buddy_get_group(buddy));
	purple_blist_remove_buddy(buddy);
}

static void run(char *line)
{
	char **w = g_strsplit(line, " ", 5);
	guint n = g_strv_length(w);
	const char *rest = n >= 3 ? line + strlen(w[0]) + strlen(w[1]) + 2 : "";
	PurpleConnection *gc = account ? purple_account_get_connection(account) : NULL;

	if (n == 5 && strcmp(w[0], "connect") == 0)
		do_connect(w[1], w[2], w[3], w[4]);
	else if (n == 1 && strcmp(w[0], "quit") == 0)
		g_main_loop_quit(loop);
	else if (!account)
		tell("usage", "line", line, NULL);
	else if (n >= 3 && strcmp(w[0], "send") == 0)
		do_send(w[1], rest);
	else if (n == 3 && strcmp(w[0], "typing") == 0 && gc)
		serv_send_typing(gc, w[1], w[2][0] == '1' ? PURPLE_TYPING : PURPLE_NOT_TYPING);
	else if (n == 2 && strcmp(w[0], "status") == 0)
		purple_account_set_status(account, w[1], TRUE, NULL);
	else if (n >= 3 && strcmp(w[0], "status") == 0)
		purple_account_set_status(account, w[1], TRUE, "message", rest, NULL);
	else if (n == 2 && strcmp(w[0], "idle") == 0)
		purple_presence_set_idle(purple_account_get_presence(account), w[1][0] == '1', time(NULL) - 600);
	else if ((n == 3 && (strcmp(w[0], "rename") == 0 || strcmp(w[0], "move") == 0)) || (n == 2 && strcmp(w[0], "remove") == 0))
		do_list(w[0], w[1], rest);
	else if (n == 1 && strcmp(w[0], "buddies") == 0)
		do_buddies();
	else if (n == 3 && strcmp(w[0], "add") == 0)
		do_add(w[1], w[2]);
	else if (n == 2 && strcmp(w[0], "remove") == 0)
		do_remove(w[1]);
	else if (n == 2 && strcmp(w[0], "block") == 0)
		purple_privacy_deny(account, w[1], FALSE, FALSE);
	else if (n == 2 && strcmp(w[0], "unblock") == 0)
		purple_privacy_allow(account, w[1], FALSE, FALSE);
	else if (n == 2 && strcmp(w[0], "close") == 0)
		do_close(w[1]);
	else if (n == 2 && strcmp(w[0], "info") == 0 && gc)
		serv_get_info(gc, w[1]);
	else if (n == 2 && strcmp(w[0], "room") == 0 && gc)
		do_room(w[1]);
	else if (n == 2 && strcmp(w[0], "answer") == 0)
		joins = strcmp(w[1], "yes") == 0;
	else if (n == 2 && strcmp(w[0], "invite") == 0 && gc && room)
		serv_chat_invite(gc, purple_conv_chat_get_id(PURPLE_CONV_CHAT(room)), "come in", w[1]);
	else if (n >= 2 && strcmp(w[0], "say") == 0 && room)
		do_say(line + strlen("say "));
	else if (n == 1 && strcmp(w[0], "leave") == 0 && room)
		purple_conversation_destroy(room);
	else if (n == 1 && strcmp(w[0], "disconnect") == 0)
		purple_account_set_enabled(account, UI, FALSE);
	else
		tell("usage", "line", line, NULL);
	g_strfreev(w);
}

static gboolean on_line(GIOChannel *channel, GIOCondition condition, gpointer unused)
{
	char *line = NULL;
	gsize end;
	GIOStatus status;

	(void)condition, (void)unused;
	/* One line each time; the channel's own buffer calls again for what it still holds. */
	status = g_io_channel_read_line(channel, &line, NULL, &end, NULL);
	if (status == G_IO_STATUS_AGAIN)
		return TRUE;
	if (status != G_IO_STATUS_NORMAL) {
		g_main_loop_quit(loop);
		return FALSE;
	}
	line[end] = '\0';
	run(line);
	g_free(line);
	return TRUE;
}

/* --- start ----------------------------------------------------------------------------------------------------------------------------- */

static void ui_start(void)
{
	purple_connections_set_ui_ops(&connection_ops);
	purple_conversations_set_ui_ops(&conversation_ops);
	purple_request_set_ui_ops(&request_ops);
	purple_notify_set_ui_ops(&notify_ops);
}

static PurpleCoreUiOps core_ops = { .ui_init = ui_start };

int main(int argc, char **argv)
{
	GIOChannel *in = g_io_channel_unix_new(0);

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: purple_client FOLDER [PLUGIN]\n");
		return 2;
	}
	plugin = argc == 3 ? argv[2] : plugin;
	signal(SIGPIPE, SIG_IGN);
	loop = g_main_loop_new(NULL, FALSE);
	purple_util_set_user_dir(argv[1]);
	purple_debug_set_enabled(g_getenv("PURPLE_CLIENT_DEBUG") != NULL);
	purple_core_set_ui_ops(&core_ops);
	purple_eventloop_set_ui_ops(&loop_ops);
	if (!purple_core_init(UI)) {
		fprintf(stderr, "purple_client: libpurple does not start\n");
		return 70;
	}
	purple_set_blist(purple_blist_new());
	purple_blist_load();
	purple_prefs_load();
	if (!purple_find_prpl(plugin)) {
		fprintf(stderr, "purple_client: libpurple has no plugin %s\n", plugin);
		return 70;
	}
	listen_to_signals();
	g_io_channel_set_flags(in, G_IO_FLAG_NONBLOCK, NULL);
	g_io_add_watch(in, G_IO_IN | G_IO_HUP, on_line, NULL);
	tell("ready", "libpurple", purple_core_get_version(), NULL);
	g_main_loop_run(loop);
	purple_core_quit();
	return 0;
}
