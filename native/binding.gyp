{
  "targets": [
    {
      "target_name": "disk",
      "sources": ["disk.c"],
      "cflags": ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror=implicit-function-declaration"]
    }
  ]
}
