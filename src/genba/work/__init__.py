"""Work that is done elsewhere, in another thread, process or machine, and how what is current here goes with it."""
