"""Walks the API with the vendor's Python SDK as its documentation shows it: one client, model objects.

Usage: walk_sdk.py BASE_URL THREADS, with the token in IONOS_TOKEN. The same requests as keyholder's plan, so that the
comparison is of the work per request and not of their number.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import ionoscloud

from facts import Facts

PAGE = 100


def main(base, threads):
    configuration = ionoscloud.Configuration(host=base, token=os.environ["IONOS_TOKEN"])
    with ionoscloud.ApiClient(configuration) as client:
        api = ionoscloud.UserManagementApi(client)
        keys = ionoscloud.UserS3KeysApi(client)
        facts = Facts()

        def users():
            found, offset = [], 0
            while True:
                facts.asked()
                page = api.um_users_get(depth=1, offset=offset, limit=PAGE).items
                found.extend(user.id for user in page)
                if len(page) < PAGE:
                    return found
                offset += PAGE

        def of_group(group):
            facts.asked()
            for user in api.um_groups_users_get(group, depth=0).items:
                facts.add("member", group, user.id)
            facts.asked()
            for share in api.um_groups_shares_get(group, depth=1).items:
                facts.add("share", group, share.id, share.properties.edit_privilege, share.properties.share_privilege)

        def of_user(user):
            facts.asked()
            for resource in api.um_users_owns_get(user, depth=0).items:
                facts.add("own", user, resource.id)
            facts.asked()
            for key in keys.um_users_s3keys_get(user, depth=1).items:
                facts.add("key", user, key.id, key.properties.active)

        everybody = users()
        facts.asked()
        groups = [group.id for group in api.um_groups_get(depth=1).items]
        facts.asked()
        for resource in api.um_resources_get(depth=1).items:
            facts.add("resource", resource.id)
        for user in everybody:
            facts.add("user", user)
        for group in groups:
            facts.add("group", group)
        if threads == 1:
            for group in groups:
                of_group(group)
            for user in everybody:
                of_user(user)
        else:
            with ThreadPoolExecutor(threads) as pool:
                for outcome in [pool.map(of_group, groups), pool.map(of_user, everybody)]:
                    list(outcome)
        facts.tell()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
