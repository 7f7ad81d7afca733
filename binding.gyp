{
  "variables": {
    # 1 where libibverbs's headers are: without them only roam_sys is built.
    "have_verbs%": "<!(printf '#include <infiniband/verbs.h>' | ${CC:-cc} -E -x c - >/dev/null 2>&1 && echo 1 || echo 0)",
    # Likewise librdmacm's, which come with a package of their own.
    "have_rdmacm%": "<!(printf '#include <rdma/rdma_cma.h>' | ${CC:-cc} -E -x c - >/dev/null 2>&1 && echo 1 || echo 0)",
  },
  "target_defaults": {
    # Not node-addon-api's own gyp targets: they break when node_modules is a symbolic link.
    "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
    "defines": ["NAPI_VERSION=9", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
    "cflags": ["-Wall", "-Wextra", "-fvisibility=hidden"],
    "cflags_c": ["-std=c11", "-D_GNU_SOURCE"],
    "cflags_cc": ["-std=c++17", "-fexceptions"],
    "cflags_cc!": ["-fno-exceptions"],
    "sources": ["native/util/system_error.cc"],
  },
  "targets": [
    {
      "target_name": "roam_sys",
      "sources": [
        "native/sys/addon.cc",
        "native/sys/byte_socket.cc",
        "native/sys/digest.cc",
        "native/sys/pidfd.cc",
        "native/sys/seqpacket.cc",
        "native/sys/tls_stream.cc",
        "native/sys/zstd.cc",
        "native/util/fd_poll.cc",
      ],
    },
  ],
  "conditions": [
    ["have_verbs==1", {
      "targets": [
        {
          "target_name": "roam_verbs",
          "include_dirs": ["native/include", "native/rxe-client"],
          "libraries": ["-libverbs"],
          "sources": [
            "<!@(ls native/rxe-client/*.c)",
            "<!@(ls native/verbs/*.cc native/verbs/objects/*.cc)",
          ],
        },
      ],
    }],
    ["have_rdmacm==1", {
      "targets": [
        {
          "target_name": "roam_rdmacm",
          "libraries": ["-lrdmacm", "-libverbs"],
          "sources": [
            "<!@(ls native/rdmacm/*.cc)",
            "native/verbs/objects/qp_attributes.cc",
          ],
        },
      ],
    }],
  ],
}
