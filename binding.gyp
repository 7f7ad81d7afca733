{
  "variables": {
    # 1 where libibverbs's headers are: without them only roam_sys is built.
    "have_verbs%": "<!(printf '#include <infiniband/verbs.h>' | ${CC:-cc} -E -x c - >/dev/null 2>&1 && echo 1 || echo 0)",
  },
  "target_defaults": {
    "dependencies": ["<!(node -p \"require('node-addon-api').targets\"):node_addon_api_except"],
    "defines": ["NAPI_VERSION=9", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
    "cflags": ["-Wall", "-Wextra", "-fvisibility=hidden"],
    "cflags_cc": ["-std=c++17"],
    "sources": [
      "native/util/fd_poll.cc",
      "native/util/system_error.cc",
    ],
  },
  "targets": [
    {
      "target_name": "roam_sys",
      "sources": [
        "native/sys/addon.cc",
        "native/sys/pidfd.cc",
        "native/sys/seqpacket.cc",
      ],
    },
  ],
}
