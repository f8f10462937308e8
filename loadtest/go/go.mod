module fairlead.dev/loadtest

go 1.26
