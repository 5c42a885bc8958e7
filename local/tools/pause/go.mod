module herold.dev/local/pause

go 1.24
