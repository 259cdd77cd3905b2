"""A live window and recordings of a run; the only importer of Open3D and rerun, in processes of their own."""
