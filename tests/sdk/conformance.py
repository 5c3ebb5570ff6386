"""Calls all 30 operations of the user management API with the vendor's own Python SDK and checks what it decoded.

Usage: conformance.py v5|v6 CONNECTION, where CONNECTION is a file with the JSON line that the emulator's `serve`
example prints. One line per operation, then `v5: 30 passed, 0 failed`. Exit code 0 only if all 30 distinct operations
were called, on the wire too, and every check held.
"""

import datetime
import json
import re
import sys

import ionoscloud

OPERATIONS = {
    # operation id: (method, path template, status of success)
    "umUsersGet": ("GET", "/um/users", 200),
    "umUsersPost": ("POST", "/um/users", 202),
    "umUsersFindById": ("GET", "/um/users/{}", 200),
    "umUsersPut": ("PUT", "/um/users/{}", 202),
    "umUsersDelete": ("DELETE", "/um/users/{}", 202),
    "umUsersGroupsGet": ("GET", "/um/users/{}/groups", 200),
    "umUsersOwnsGet": ("GET", "/um/users/{}/owns", 200),
    "umGroupsGet": ("GET", "/um/groups", 200),
    "umGroupsPost": ("POST", "/um/groups", 202),
    "umGroupsFindById": ("GET", "/um/groups/{}", 200),
    "umGroupsPut": ("PUT", "/um/groups/{}", 202),
    "umGroupsDelete": ("DELETE", "/um/groups/{}", 202),
    "umGroupsUsersGet": ("GET", "/um/groups/{}/users", 200),
    "umGroupsUsersPost": ("POST", "/um/groups/{}/users", 202),
    "umGroupsUsersDelete": ("DELETE", "/um/groups/{}/users/{}", 202),
    "umGroupsResourcesGet": ("GET", "/um/groups/{}/resources", 200),
    "umGroupsSharesGet": ("GET", "/um/groups/{}/shares", 200),
    "umGroupsSharesFindByResourceId": ("GET", "/um/groups/{}/shares/{}", 200),
    "umGroupsSharesPost": ("POST", "/um/groups/{}/shares/{}", 202),
    "umGroupsSharesPut": ("PUT", "/um/groups/{}/shares/{}", 202),
    "umGroupsSharesDelete": ("DELETE", "/um/groups/{}/shares/{}", 202),
    "umResourcesGet": ("GET", "/um/resources", 200),
    "umResourcesFindByType": ("GET", "/um/resources/{}", 200),
    "umResourcesFindByTypeAndId": ("GET", "/um/resources/{}/{}", 200),
    "umUsersS3keysGet": ("GET", "/um/users/{}/s3keys", 200),
    "umUsersS3keysPost": ("POST", "/um/users/{}/s3keys", 200),
    "umUsersS3keysFindByKeyId": ("GET", "/um/users/{}/s3keys/{}", 200),
    "umUsersS3keysPut": ("PUT", "/um/users/{}/s3keys/{}", 202),
    "umUsersS3keysDelete": ("DELETE", "/um/users/{}/s3keys/{}", 202),
    "umUsersS3ssourlGet": ("GET", "/um/users/{}/s3ssourl", 200),
}

KINDS = ["datacenter", "snapshot", "image", "ipblock", "pcc", "backupunit", "k8s"]
UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
NEW_EMAIL = "Conformance.Check@Example.ORG"


def equal(found, expected, what):
    assert found == expected, f"{what}: expected {expected!r}, found {found!r}"


def true(condition, what):
    assert condition, what


def snake(operation):
    return re.sub(r"([A-Z])", lambda match: "_" + match.group(1).lower(), operation)


class Conformance:
    """One SDK, one emulator, and what was seen so far."""

    def __init__(self, version, connection):
        self.version = version
        self.base = connection[version]
        self.canary = connection["canary"]
        self.connection = connection
        self.called = set()
        self.wire = set()
        self.seen = {}
        self.client = self.client_for(token=connection["token"])
        self.watch(self.client)

    def client_for(self, **credentials):
        configuration = ionoscloud.Configuration(host=self.base, **credentials)
        configuration.max_retries = 1
        return ionoscloud.ApiClient(configuration)

    def watch(self, client):
        """Notes method and path of everything that really goes out."""
        request = client.rest_client.request

        def watched(method, url, *args, **kwargs):
            path = url[len(self.base):].split("?")[0] if url.startswith(self.base) else url
            self.wire.add((method, path))
            return request(method, url, *args, **kwargs)

        client.rest_client.request = watched

    def function(self, operation, client=None):
        """The SDK's function for an operation, whichever class holds it."""
        client = client or self.client
        for name in ("UserManagementApi", "UserS3KeysApi"):
            api = getattr(ionoscloud, name, None)
            method = snake(operation) + "_with_http_info"
            if api and hasattr(api, method):
                return getattr(api(client), method)
        raise AssertionError(f"the SDK has no {operation}")

    def call(self, operation, *args, **kwargs):
        """Calls an operation; checks status, rate-limit headers and, on writes, where the Location leads."""
        method, _, expected = OPERATIONS[operation]
        data, status, headers = self.function(operation)(*args, **kwargs)
        self.called.add(operation)
        headers = {key.lower(): value for key, value in dict(headers).items()}
        equal(status, expected, "status")
        for name in ("limit", "remaining", "burst"):
            true(int(headers[f"x-ratelimit-{name}"]) >= 0, f"X-RateLimit-{name}")
        if method != "GET":
            self.follow(headers["location"])
        return data

    def follow(self, location):
        """A write's Location leads to a request that is done."""
        match = re.fullmatch(re.escape(self.base) + r"/requests/([0-9a-f-]{36})/status", location)
        true(match, f"Location {location}")
        api = ionoscloud.RequestApi if self.version == "v5" else ionoscloud.RequestsApi
        request = api(self.client).requests_status_get(match.group(1))
        equal(request.id, f"{match.group(1)}/status", "request id")
        equal(request.type, "request-status", "request type")
        equal(request.metadata.status, "DONE", "request status")
        true(request.metadata.targets[0].target.href.startswith(self.base + "/um/"), "request target")

    def refused(self, status, code, text, operation, *args, client=None, **kwargs):
        """Asserts the envelope of an error as the SDK hands it out."""
        try:
            self.function(operation, client)(*args, **kwargs)
        except ionoscloud.ApiException as error:
            equal(error.status, status, f"status of a refused {operation}")
            body = json.loads(error.body)
            equal(body["httpStatus"], status, "httpStatus")
            message = body["messages"][0]
            true(code is None or message["errorCode"] == code, f"errorCode {message}")
            true(text in message["message"], f"message {message}")
            return
        raise AssertionError(f"{operation} was not refused with {status}")

    def missing(self, operation, *args, **kwargs):
        self.refused(404, "309", "Resource does not exist", operation, *args, **kwargs)

    def href(self, path):
        return f"{self.base}/um/{path}"

    def entry(self, entity, href):
        """At depth 1 of a list, an entity is only the way to it."""
        equal((entity.type, entity.href, entity.items), ("collection", href, None), "an unexpanded entity")

    def privileges(self, properties):
        """Privileges by the API's name."""
        names = {attribute: name for attribute, name in properties.attribute_map.items() if attribute != "name"}
        return {name: getattr(properties, attribute) for attribute, name in names.items()}

    # 1 to 7: users

    def umUsersGet(self):
        users, offset = [], 0
        while True:
            page = self.call("umUsersGet", depth=1, offset=offset, limit=100)
            equal((page.id, page.type, page.offset, page.limit), ("users", "collection", offset, 100), "a page")
            equal(page.links.prev is None, offset == 0, "no previous page before the first")
            users += page.items
            last = offset + 100 >= self.connection["users"]
            equal(page.links.next is None, last, f"no next page after the last, at offset {offset}")
            if last:
                break
            true(f"offset={offset + 100}" in page.links.next, f"next page {page.links.next}")
            offset += 100
        equal(len(users), self.connection["users"], "users on all pages")
        equal(len({user.id for user in users}), len(users), "distinct users")
        equal(len({user.metadata.etag for user in users}), 1, "distinct etags")
        equal({user.type for user in users}, {"user"}, "types")
        true(all(isinstance(user.metadata.created_date, datetime.datetime) for user in users), "creation dates")
        true(any(user.metadata.last_login is None for user in users), "somebody never signed in")
        true(any(isinstance(user.metadata.last_login, datetime.datetime) for user in users), "somebody signed in")
        true(any(user.properties.administrator for user in users), "an administrator")
        true(any(not name.isascii() for user in users for name in [user.properties.lastname]), "an umlaut")
        creators = {getattr(user.metadata, "created_by", None) for user in users}
        equal(creators == {None}, self.version == "v5", "creators are known in v6 only")
        first = users[0]
        self.entry(first.entities.groups, self.href(f"users/{first.id}/groups"))
        self.seen["users"] = users
        by_default = self.call("umUsersGet", depth=1)
        equal([user.id for user in by_default.items], [user.id for user in users[:100]], "the first page by default")
        self.credentials(users)
        self.bare_items()

    def credentials(self, users):
        """Basic works like Bearer, and nothing else works."""
        basic = self.client_for(username=self.connection["username"], password=self.connection["password"])
        page, _, _ = self.function("umUsersGet", basic)(depth=1, limit=1)
        equal(page.items[0].id, users[0].id, "the first user by Basic authentication")
        wrong = self.client_for(username=self.connection["username"], password="wrong")
        self.refused(401, "315", "Unauthorized", "umUsersGet", client=wrong)
        wrong = self.client_for(token="wrong")
        self.refused(401, "315", "Unauthorized", "umUsersGet", client=wrong)
        restricted = self.client_for(token=self.connection["restricted_token"])
        self.refused(403, "451", "Access Denied", "umUsersGet", client=restricted)
        own, _, _ = self.function("umUsersFindById", restricted)(self.connection["restricted"])
        equal(own.id, self.connection["restricted"], "a user without rights reads themselves")

    def bare_items(self):
        """At depth 0 items are bare references; a limit above 100 is the server's to refuse, past the SDK's own check."""
        bare = self.call("umUsersGet", depth=0, limit=3)
        equal([(user.properties, user.metadata, user.entities) for user in bare.items], [(None, None, None)] * 3,
              "contents of items at depth 0")
        true(all(user.href == self.href(f"users/{user.id}") for user in bare.items), "references at depth 0")
        self.client.client_side_validation = False
        self.refused(422, "100", "limit", "umUsersGet", limit=101)
        self.client.client_side_validation = True

    def umUsersPost(self):
        properties = ionoscloud.UserPropertiesPost(
            firstname="Zoë", lastname="Größmann", email=NEW_EMAIL, administrator=False, force_sec_auth=True,
            password="not-kept-anywhere-1", active=True)
        user = self.call("umUsersPost", ionoscloud.UserPost(properties=properties))
        true(UUID.match(user.id), f"id {user.id}")
        equal(user.href, self.href(f"users/{user.id}"), "href")
        equal(user.properties.email, NEW_EMAIL.lower(), "e-mail address in lower case")
        equal(user.properties.s3_canonical_user_id, None, "canonical id of a fresh user")
        equal(user.entities, None, "entities of a write's answer")
        true("not-kept-anywhere-1" not in str(user), "the password comes back")
        self.seen["user"] = user.id
        self.refused(422, None, "exists already", "umUsersPost", ionoscloud.UserPost(properties=properties))
        nameless = ionoscloud.UserPropertiesPost(firstname="A", lastname="B", password="12345678")
        self.refused(422, None, "Attribute 'email' is required", "umUsersPost",
                     ionoscloud.UserPost(properties=nameless))

    def umUsersFindById(self):
        user = self.call("umUsersFindById", self.seen["user"])
        equal((user.id, user.type), (self.seen["user"], "user"), "a user")
        equal((user.properties.firstname, user.properties.lastname), ("Zoë", "Größmann"), "names")
        equal(len(user.properties.s3_canonical_user_id), 32, "canonical id once provisioned")
        equal((user.properties.force_sec_auth, user.properties.sec_auth_active), (True, False), "second factor")
        equal(user.metadata.last_login, None, "last sign-in")
        self.entry(user.entities.owns, self.href(f"users/{user.id}/owns"))
        if self.version == "v6":
            equal(user.metadata.created_by, self.connection["username"], "creator")
        deep = self.call("umUsersFindById", self.seen["user"], depth=1)
        equal((deep.entities.groups.items, deep.entities.owns.items), ([], []), "empty entities at depth 1")
        self.missing("umUsersFindById", "00000000-0000-4000-8000-000000000000")

    def umUsersPut(self):
        properties = ionoscloud.UserPropertiesPut(
            firstname="Zoë", lastname="Groß", email=NEW_EMAIL.lower(), administrator=False, force_sec_auth=False,
            active=True)
        user = self.call("umUsersPut", self.seen["user"], ionoscloud.UserPut(properties=properties))
        equal((user.properties.lastname, user.properties.force_sec_auth), ("Groß", False), "replaced properties")
        again = self.call("umUsersFindById", self.seen["user"])
        equal(again.properties.lastname, "Groß", "what was replaced stays replaced")
        self.missing("umUsersPut", "none", ionoscloud.UserPut(properties=properties))

    def umUsersGroupsGet(self):
        groups = self.call("umUsersGroupsGet", self.seen["user"], depth=1)
        equal(groups.id, f"{self.seen['user']}/groups", "id")
        equal([(item.id, item.type) for item in groups.items], [(self.seen["group"], "group")], "groups of a user")
        # The document types these as resources, so only the name survives the SDK.
        equal(groups.items[0].properties.name, "Conformance renamed", "name of a group")
        self.missing("umUsersGroupsGet", "none")

    def umUsersOwnsGet(self):
        owned = []
        for user in self.seen["users"]:
            owns = self.call("umUsersOwnsGet", user.id, depth=1)
            equal((owns.id, owns.type), (f"{user.id}/owns", "collection"), "what a user owns")
            owned += owns.items
        everything = self.call("umResourcesGet", depth=1).items
        not_the_vendors = {item.id for item in everything if item.metadata.created_by != "System"}
        equal({item.id for item in owned}, not_the_vendors, "everything owned")
        equal(len(owned), len(not_the_vendors), "one owner each")
        self.missing("umUsersOwnsGet", "none")

    def umUsersDelete(self):
        self.call("umUsersDelete", self.seen["user"])
        self.missing("umUsersFindById", self.seen["user"])
        self.missing("umUsersDelete", self.seen["user"])

    # 8 to 16: groups

    def umGroupsGet(self):
        groups = self.call("umGroupsGet", depth=1)
        equal((groups.id, groups.type), ("groups", "collection"), "groups")
        counts = {len(self.privileges(group.properties)) for group in groups.items}
        expected = 9 if self.version == "v5" else 25
        equal(counts, {expected}, "privileges that the SDK knows")
        for group in groups.items:
            values = set(self.privileges(group.properties).values())
            true(values <= {True, False}, f"privileges of {group.properties.name}: {values}")
        true(any(sum(self.privileges(group.properties).values()) >= expected - 2 for group in groups.items),
             "a group that can do nearly everything")
        first = groups.items[0]
        self.entry(first.entities.users, self.href(f"groups/{first.id}/users"))
        deep = {group.id: group for group in self.call("umGroupsGet", depth=3).items}
        true(any(group.entities.users.items for group in deep.values()), "members inline at depth 3")
        true(any(group.entities.users.items == [] for group in deep.values()), "a group without members")
        self.seen["groups"] = list(deep)
        self.seen["members"] = {key: {user.id for user in group.entities.users.items} for key, group in deep.items()}

    def umGroupsPost(self):
        properties = ionoscloud.GroupProperties(name="Conformance", s3_privilege=True, reserve_ip=True)
        group = self.call("umGroupsPost", ionoscloud.Group(properties=properties))
        equal((group.type, group.properties.name), ("group", "Conformance"), "a new group")
        self.seen["group"] = group.id
        twin = self.call("umGroupsPost", ionoscloud.Group(properties=properties))
        true(twin.id != group.id, "a second group of that name")
        self.seen["twin"] = twin.id
        self.refused(422, None, "Attribute 'name' is required", "umGroupsPost",
                     ionoscloud.Group(properties=ionoscloud.GroupProperties()))

    def umGroupsFindById(self):
        group = self.call("umGroupsFindById", self.seen["group"])
        held = {name for name, on in self.privileges(group.properties).items() if on}
        equal(held, {"s3Privilege", "reserveIp"}, "privileges")
        true(not hasattr(group, "metadata") or group.metadata is None, "groups have no metadata")
        self.missing("umGroupsFindById", "none")

    def umGroupsPut(self):
        properties = ionoscloud.GroupProperties(name="Conformance renamed", s3_privilege=True, create_pcc=True)
        group = self.call("umGroupsPut", self.seen["group"], ionoscloud.Group(properties=properties))
        held = {name for name, on in self.privileges(group.properties).items() if on}
        equal((group.properties.name, held), ("Conformance renamed", {"s3Privilege", "createPcc"}), "replaced")
        self.missing("umGroupsPut", "none", ionoscloud.Group(properties=properties))

    def umGroupsUsersGet(self):
        for group in self.seen["groups"]:
            members = self.call("umGroupsUsersGet", group, depth=1)
            equal(members.id, f"{group}/users", "id")
            found = {user.id for user in members.items}
            equal(found, self.seen["members"][group], "members asked for and members inline")
            equal(len(found), len(members.items), "distinct members")
        self.missing("umGroupsUsersGet", "none")

    def umGroupsUsersPost(self):
        user = self.member(self.seen["user"])
        added = self.call("umGroupsUsersPost", self.seen["group"], user)
        equal((added.id, added.properties.lastname), (self.seen["user"], "Groß"), "the added user")
        members = self.call("umGroupsUsersGet", self.seen["group"], depth=1)
        equal([member.id for member in members.items], [self.seen["user"]], "members afterwards")
        self.missing("umGroupsUsersPost", self.seen["group"], self.member("none"))

    def member(self, user):
        """v6 sends only the id, v5 a whole user."""
        if self.version == "v6":
            return ionoscloud.UserGroupPost(id=user)
        return ionoscloud.User(id=user, properties=ionoscloud.UserProperties())

    def umGroupsUsersDelete(self):
        self.call("umGroupsUsersDelete", self.seen["group"], self.seen["user"])
        equal(self.call("umGroupsUsersGet", self.seen["group"], depth=1).items, [], "members afterwards")
        self.missing("umGroupsUsersDelete", self.seen["group"], self.seen["user"])

    def umGroupsResourcesGet(self):
        resources = self.call("umGroupsResourcesGet", self.seen["group"], depth=1)
        equal(resources.id, f"{self.seen['group']}/resources", "id")
        kinds = {item.id: item.type for item in resources.items}
        equal(kinds, {self.seen["resource"]: "datacenter"}, "shared resources with their kind")
        self.missing("umGroupsResourcesGet", "none")

    def umGroupsDelete(self):
        self.call("umGroupsDelete", self.seen["group"])
        self.missing("umGroupsFindById", self.seen["group"])
        self.call("umGroupsDelete", self.seen["twin"])

    # 17 to 21: shares

    def umGroupsSharesGet(self):
        total = 0
        for group in self.seen["groups"]:
            shares = self.call("umGroupsSharesGet", group, depth=1)
            equal((shares.type, shares.href), ("collection", self.href(f"groups/{group}/shares")), "shares")
            for share in shares.items:
                true(share.id in self.seen["resources"], "a share's id is its resource's")
                equal((share.type, share.href), ("resource", self.href(f"groups/{group}/shares/{share.id}")), "a share")
                true(isinstance(share.properties.edit_privilege, bool), "edit flag")
                true(isinstance(share.properties.share_privilege, bool), "share flag")
            total += len(shares.items)
        true(total > 50, f"{total} shares")
        self.missing("umGroupsSharesGet", "none")

    def umGroupsSharesFindByResourceId(self):
        share = self.call("umGroupsSharesFindByResourceId", self.seen["group"], self.seen["resource"])
        equal((share.id, share.type), (self.seen["resource"], "resource"), "a share")
        equal((share.properties.edit_privilege, share.properties.share_privilege), (True, False), "flags")
        self.missing("umGroupsSharesFindByResourceId", self.seen["group"], "none")

    def share(self, **flags):
        return ionoscloud.GroupShare(properties=ionoscloud.GroupShareProperties(**flags))

    def umGroupsSharesPost(self):
        group, resource = self.seen["group"], self.seen["resource"]
        share = self.call("umGroupsSharesPost", group, resource,
                          self.share(edit_privilege=True, share_privilege=False))
        equal((share.id, share.properties.edit_privilege), (resource, True), "a new share")
        self.refused(422, None, "shared", "umGroupsSharesPost", group, resource, self.share(edit_privilege=True))
        self.missing("umGroupsSharesPost", group, "none", self.share(edit_privilege=True))

    def umGroupsSharesPut(self):
        group, resource = self.seen["group"], self.seen["resource"]
        share = self.call("umGroupsSharesPut", group, resource, self.share(share_privilege=True))
        equal((share.properties.edit_privilege, share.properties.share_privilege), (True, True), "one flag given")
        share = self.call("umGroupsSharesPut", group, resource,
                          self.share(edit_privilege=False, share_privilege=True))
        equal((share.properties.edit_privilege, share.properties.share_privilege), (False, True), "both flags given")
        self.missing("umGroupsSharesPut", group, "none", self.share(edit_privilege=True))

    def umGroupsSharesDelete(self):
        self.call("umGroupsSharesDelete", self.seen["group"], self.seen["resource"])
        self.missing("umGroupsSharesFindByResourceId", self.seen["group"], self.seen["resource"])
        self.missing("umGroupsSharesDelete", self.seen["group"], self.seen["resource"])

    # 22 to 24: resources

    def umResourcesGet(self):
        resources = self.call("umResourcesGet", depth=1)
        equal((resources.id, resources.type), ("resources", "collection"), "resources")
        equal({item.type for item in resources.items}, set(KINDS), "kinds")
        for item in resources.items:
            equal(item.href, self.href(f"resources/{item.type}/{item.id}"), "href")
            true(isinstance(item.metadata.created_date, datetime.datetime), "creation date")
            true(item.metadata.state in ("AVAILABLE", "ACTIVE"), "state")
            protectable = item.type in ("datacenter", "snapshot")
            equal(item.properties.sec_auth_protection is not None, protectable, f"protection of a {item.type}")
        true(any(item.metadata.created_by == "System" for item in resources.items), "an image of the vendor")
        self.seen["resources"] = {item.id: item.type for item in resources.items}
        self.seen["resource"] = next(item.id for item in resources.items if item.type == "datacenter")

    def umResourcesFindByType(self):
        for kind in KINDS:
            resources = self.call("umResourcesFindByType", kind, depth=1)
            equal(resources.id, "resources", "id")
            expected = {key for key, value in self.seen["resources"].items() if value == kind}
            equal({item.id for item in resources.items}, expected, f"resources of type {kind}")
        self.missing("umResourcesFindByType", "server")

    def umResourcesFindByTypeAndId(self):
        resource = self.call("umResourcesFindByTypeAndId", "datacenter", self.seen["resource"], depth=1)
        equal((resource.id, resource.type), (self.seen["resource"], "datacenter"), "a resource")
        groups = {item.id for item in resource.entities.groups.items}
        true(groups <= set(self.seen["groups"]), "groups that see it")
        self.missing("umResourcesFindByTypeAndId", "snapshot", self.seen["resource"])

    # 25 to 30: S3 keys

    def umUsersS3keysPost(self):
        user = self.seen["user"]
        key = self.call("umUsersS3keysPost", user)
        true(re.fullmatch(r"[0-9a-f]{20}", key.id), f"access key {key.id}")
        equal((key.type, key.href), ("s3key", self.href(f"users/{user}/s3keys/{key.id}")), "a new key")
        true(self.canary in key.properties.secret_key, "the secret in clear")
        self.seen["key"], self.seen["secret"] = key.id, key.properties.secret_key
        powerless = self.connection["powerless"]
        self.refused(422, None, "ACCESS_S3_OBJECT_STORAGE privilege", "umUsersS3keysPost", powerless)
        self.missing("umUsersS3keysPost", "none")

    def umUsersS3keysGet(self):
        keys = self.call("umUsersS3keysGet", self.seen["user"], depth=1)
        equal(keys.type, "collection", "keys")
        equal([(key.id, key.properties.secret_key) for key in keys.items],
              [(self.seen["key"], self.seen["secret"])], "keys with their secrets")
        holders = 0
        for user in self.seen["users"]:
            held = self.call("umUsersS3keysGet", user.id, depth=1).items
            holders += bool(held)
            true(len(held) <= 5, "five keys at most")
            true(all(self.canary in key.properties.secret_key for key in held), "every secret carries the canary")
        true(holders > 10, f"{holders} users with keys")
        self.missing("umUsersS3keysGet", "none")

    def umUsersS3keysFindByKeyId(self):
        key = self.call("umUsersS3keysFindByKeyId", self.seen["user"], self.seen["key"])
        equal((key.id, key.properties.active), (self.seen["key"], True), "a key")
        equal(key.properties.secret_key, self.seen["secret"], "its secret")
        true(isinstance(key.metadata.created_date, datetime.datetime), "creation date")
        equal(key.metadata.created_date.tzinfo, None, "zone of the creation date")
        if self.version == "v6":
            true(key.metadata.created_by.startswith("ionos:identity:::users/"), "creator as a URN")
        self.refused(422, None, "The access key cannot be found", "umUsersS3keysFindByKeyId", self.seen["user"], "none")

    def umUsersS3keysPut(self):
        body = ionoscloud.S3Key(properties=ionoscloud.S3KeyProperties(active=False))
        key = self.call("umUsersS3keysPut", self.seen["user"], self.seen["key"], body)
        equal((key.properties.active, key.properties.secret_key), (False, self.seen["secret"]), "a disabled key")
        again = self.call("umUsersS3keysFindByKeyId", self.seen["user"], self.seen["key"])
        equal(again.properties.active, False, "what was disabled stays disabled")
        self.refused(422, None, "The access key cannot be found", "umUsersS3keysPut", self.seen["user"], "none", body)

    def umUsersS3keysDelete(self):
        self.call("umUsersS3keysDelete", self.seen["user"], self.seen["key"])
        equal(self.call("umUsersS3keysGet", self.seen["user"], depth=1).items, [], "keys afterwards")
        self.refused(422, None, "The access key cannot be found", "umUsersS3keysDelete",
                     self.seen["user"], self.seen["key"])

    def umUsersS3ssourlGet(self):
        answer = self.call("umUsersS3ssourlGet", self.seen["user"])
        true(answer.sso_url.startswith("https://") and self.canary in answer.sso_url, "a sign-on link")
        self.missing("umUsersS3ssourlGet", "none")

    # beside the thirty

    def contracts(self):
        if self.version == "v5":
            contract = ionoscloud.ContractApi(self.client).contracts_get()
        else:
            contracts = ionoscloud.ContractResourcesApi(self.client).contracts_get(depth=1)
            equal((contracts.id, len(contracts.items)), ("contracts", 1), "contracts")
            contract = contracts.items[0]
        equal(contract.type, "contract", "type")
        equal(contract.properties.contract_number, self.connection["contract_number"], "contract number")
        owners = [user for user in self.seen["users"] if user.properties.email == contract.properties.owner]
        equal(len(owners), 1, "users with the owner's address")
        true(contract.properties.resource_limits.cores_per_server > 0, "limits")


# Each operation once, in an order in which the writes make what the reads look at.
ORDER = [
    "umUsersGet", "umResourcesGet", "umGroupsGet", "umUsersPost", "umUsersFindById", "umUsersPut", "umGroupsPost",
    "umGroupsFindById", "umGroupsPut", "umGroupsUsersGet", "umGroupsUsersPost", "umUsersGroupsGet", "umUsersOwnsGet",
    "umResourcesFindByType", "umResourcesFindByTypeAndId", "umGroupsSharesPost", "umGroupsSharesGet",
    "umGroupsSharesFindByResourceId", "umGroupsResourcesGet", "umGroupsSharesPut", "umGroupsSharesDelete",
    "umUsersS3keysPost", "umUsersS3keysGet", "umUsersS3keysFindByKeyId", "umUsersS3keysPut", "umUsersS3keysDelete",
    "umUsersS3ssourlGet", "umGroupsUsersDelete", "umGroupsDelete", "umUsersDelete",
]


def templates(wire):
    """Which of the thirty operations really went out, by method and path."""
    patterns = {
        operation: (method, re.compile("^" + path.replace("{}", "[^/]+") + "$"))
        for operation, (method, path, _) in OPERATIONS.items()
    }
    return {
        operation
        for operation, (method, pattern) in patterns.items()
        if any(method == sent and pattern.match(path) for sent, path in wire)
    }


def main(version, connection):
    assert sorted(ORDER) == sorted(OPERATIONS) and len(OPERATIONS) == 30, "the lists of operations differ"
    run = Conformance(version, connection)
    passed = failed = 0
    for operation in ORDER:
        try:
            getattr(run, operation)()
            true(operation in run.called, "the operation was never called")
        except Exception as error:  # an assertion, or whatever the SDK threw at the answer
            failed += 1
            print(f"{version} FAILED {operation}: {type(error).__name__}: {error}")
        else:
            passed += 1
            print(f"{version} ok {operation}")
    try:
        run.contracts()
        print(f"{version} ok (beside the thirty) contractsGet")
    except Exception as error:
        failed += 1
        print(f"{version} FAILED (beside the thirty) contractsGet: {type(error).__name__}: {error}")
    for what, found in (("called", run.called), ("sent", templates(run.wire))):
        if found != set(OPERATIONS):
            failed += 1
            print(f"{version} FAILED not {what}: {sorted(set(OPERATIONS) - found)}")
    print(f"{version}: {passed} passed, {failed} failed")
    return 0 if (passed, failed) == (30, 0) else 1


if __name__ == "__main__":
    with open(sys.argv[2], encoding="utf-8") as file:
        sys.exit(main(sys.argv[1], json.load(file)))
